import { joinPath, listFolder, pathKind } from './files.ts';

/** What a folder holds that is no checkpoint, or no adapter, and what to give instead: the end of an error's sentence. */
export async function folderHint(folder: string, wanted: 'checkpoint' | 'adapter'): Promise<string> {
  if ((await pathKind(folder)) !== 'folder') return '';
  const names = await listFolder(folder);
  const isRun = names.includes('metrics.jsonl');
  if (wanted === 'adapter') {
    if (isRun && names.includes('adapter')) return `; it is a run, whose adapter is ${joinPath(folder, 'adapter')}`;
    if (isRun && names.includes('model'))
      return `; it is a run that trained a whole model, ${joinPath(folder, 'model')}`;
    return names.includes('config.json') ? '; it holds a whole model' : '';
  }
  if (isRun && names.includes('model')) return `; it is a run, whose model is ${joinPath(folder, 'model')}`;
  if (isRun && names.includes('adapter'))
    return `; it is a run: give its base model here and ${joinPath(folder, 'adapter')} as the adapter`;
  const gguf = names.find((name) => name.endsWith('.gguf'));
  if (gguf !== undefined) return `; to open its GGUF file, give ${joinPath(folder, gguf)}`;
  if (names.includes('adapter_config.json')) return '; it holds an adapter, which needs its base model';
  if (names.some((name) => /^pytorch_model.*\.bin/.test(name)))
    return '; it holds a pickled pytorch_model.bin, which is not read';
  return '';
}
