import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathInFolder } from '../../../src/hub/files.ts';
import { hubSettings } from '../../../src/hub/node/hubSettings.ts';
import type { HubEvent } from '../../../src/hub/node/hubSnapshot.ts';
import { locateAdapter, locateModel, locateTokenizer, pinned } from '../../../src/hub/node/locate.ts';
import { fakeHub, gitSha1, sha256 } from './fakeHub.ts';
import { bytes, root, settingsFor, shard, sharded, small, withHub } from './hubFixtures.ts';

test('a model comes whole, in the hub cache’s own layout, without what is not needed', () =>
  withHub(sharded, async (hub) => {
    const settings = await settingsFor(hub, { HF_TOKEN: 'hf_secret' });
    const events: HubEvent[] = [];
    const located = await locateModel('org/tiny', { settings, emit: (event) => events.push(event) });
    const folder = join(settings.cache, 'models--org--tiny');
    assert.equal(located.path, join(folder, 'snapshots', hub.commit));
    assert.deepEqual((await readdir(located.path)).sort(), [
      'README.md',
      'chat_template.jinja',
      'config.json',
      'model-1.safetensors',
      'model-2.safetensors',
      'model.safetensors.index.json',
      'tokenizer.json',
    ]);
    assert.equal(await readlink(join(located.path, 'model-1.safetensors')), `../../blobs/${sha256(shard)}`);
    assert.equal(await readlink(join(located.path, 'config.json')), `../../blobs/${gitSha1(sharded['config.json'])}`);
    assert.deepEqual(await readFile(join(located.path, 'model-1.safetensors')), Buffer.from(shard));
    assert.equal(await readFile(join(folder, 'refs', 'main'), 'utf8'), hub.commit);
    assert.deepEqual(
      (await readdir(join(folder, 'blobs'))).filter((name) => name.includes('incomplete')),
      [],
    );
    assert.deepEqual(await readdir(join(settings.cache, '.locks', 'models--org--tiny')), []);
    // The token goes to the hub and to nobody else.
    assert.ok(hub.seen.some(({ server }) => server === 'cdn'));
    for (const { server, authorization } of hub.seen)
      assert.equal(authorization, server === 'hub' ? 'Bearer hf_secret' : undefined);
    const last = events.at(-1);
    assert.ok(last?.type === 'download' && last.bytes === last.totalBytes);
    assert.equal(
      await pathInFolder(located.path, 'model-1.safetensors', 'index'),
      join(located.path, 'model-1.safetensors'),
    );
    assert.equal(pinned(located, 'org/tiny'), `org/tiny@${hub.commit}`);

    const before = hub.seen.length;
    assert.deepEqual(await locateModel(`org/tiny@${hub.commit}`, { settings }), located);
    assert.equal(hub.seen.length, before, 'a commit that is there asks nobody');
    await locateModel('org/tiny@v1', { settings });
    assert.equal(await readFile(join(folder, 'refs', 'v1'), 'utf8'), hub.commit);
    assert.ok(
      hub.seen.slice(before).every(({ path }) => !path.includes('/resolve/')),
      'nothing comes twice',
    );
  }));

test('a tokenizer comes without weights, an adapter is two files, a file is that file', () =>
  withHub(
    {
      ...sharded,
      'adapter_config.json': bytes('{}'),
      'adapter_model.safetensors': bytes('x'),
      'sub/q4.gguf': bytes('GGUF'),
    },
    async (hub) => {
      const settings = await settingsFor(hub);
      const { path } = await locateTokenizer('org/tiny', { settings });
      assert.deepEqual((await readdir(path)).sort(), Object.keys(small).sort());
      await locateAdapter('org/tiny', { settings });
      assert.ok((await readdir(path)).includes('adapter_model.safetensors'));
      const file = await locateModel('org/tiny/sub/q4.gguf', { settings });
      assert.equal(await readFile(file.path, 'utf8'), 'GGUF');
      assert.equal(await readlink(file.path), `../../../blobs/${sha256(bytes('GGUF'))}`);
      await assert.rejects(
        locateModel('org/tiny/absent.gguf', { settings }),
        /org\/tiny\/absent\.gguf: expected absent\.gguf in the repository but found none/,
      );
    },
  ));

test('refusals say what to do', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const refuse = (status: number, headers: Record<string, string> = {}): void => {
      hub.intercept = (_seen, _request, response) => {
        response.writeHead(status, headers).end('{}');
        return true;
      };
    };
    const message = async (env: Record<string, string> = {}, text = 'org/tiny'): Promise<string> => {
      const settings = await settingsFor(hub, env);
      return locateModel(text, { settings }).then(
        () => '',
        (error: Error) => error.message,
      );
    };
    const withToken = { HF_TOKEN: 'hf_bad' };
    refuse(401);
    assert.match(
      await message(),
      /^org\/tiny: no such file or folder here, and from the hub: model org\/tiny: 127\.0\.0\.1:\d+ has none of that name, or it is private: set HF_TOKEN/,
    );
    assert.match(await message(withToken), /does not accept the token that was sent/);
    refuse(403, { 'x-error-code': 'GatedRepo' });
    assert.match(await message(), /access is gated: accept its terms on .* and set HF_TOKEN/);
    assert.match(await message(withToken), /gated: accept its terms on .* with the account of the token/);
    refuse(404, { 'x-error-code': 'RepoNotFound' });
    assert.match(
      await message(withToken),
      /none of that name, or it is private: the token that was sent may not read it/,
    );
    refuse(429, { 'retry-after': '3600' });
    assert.match(await message(), /limits the rate of requests and asks to wait 60 minutes/);
    refuse(302, { location: 'ftp://elsewhere/x' });
    assert.match(await message(), /redirects to ftp:\/\/elsewhere\/x, which is not followed/);
    refuse(302, { location: '/api/models/org/tiny/revision/main' });
    assert.match(await message(), /more than 10 redirects/);
    refuse(503);
    assert.match(await message(), /answers with status 503, in 3 tries/);
    hub.intercept = (_seen, _request, response) => {
      response.writeHead(200).end('<html>a portal</html>');
      return true;
    };
    assert.match(await message(), /does not answer as the Hugging Face hub does/);
    hub.intercept = () => false;
    assert.match(await message({}, 'org/tiny@absent'), /model org\/tiny@absent: .* has no such revision/);
    assert.match(
      await message({}, 'no/such/thing\\'),
      /expected a checkpoint folder, a \.gguf file or a Hugging Face id \(org\/name\) but found nothing here, and it cannot be an id/,
    );
    for (const bad of ['../up', 'a/..', '/abs/x', 'org', 'org/na:me', 'org/name@../../x', 'org/name.git'])
      assert.match(await message({}, bad), /cannot be an id/);
    assert.match(await message({ HF_HUB_OFFLINE: '1' }), /is not in the cache .*HF_HUB_OFFLINE forbids/);
  }));

test('without the hub the cache does, and says so', async () => {
  const hub = await fakeHub({ ...small, 'model.safetensors': shard });
  const settings = await settingsFor(hub);
  const { path } = await locateModel('org/tiny', { settings });
  const cached = settings.cache;
  const seen = hub.seen.length;
  const offline = await settingsFor(hub, { HF_HUB_OFFLINE: 'true' }, cached);
  assert.equal((await locateModel('org/tiny', { settings: offline })).path, path);
  assert.equal(hub.seen.length, seen, 'offline asks nobody');
  await rm(join(path, 'model.safetensors'));
  await assert.rejects(locateModel('org/tiny', { settings: offline }), /model\.safetensors is not in the cache/);
  await locateModel('org/tiny', { settings });
  await hub.close();
  const notices: HubEvent[] = [];
  assert.equal((await locateModel('org/tiny', { settings, emit: (event) => notices.push(event) })).path, path);
  assert.ok(
    notices.some(
      (event) =>
        event.type === 'notice' &&
        /cannot be reached .*; going on with what the cache has, commit cccc/.test(event.message),
    ),
  );
  await assert.rejects(
    locateModel('org/other', { settings }),
    /org\/other: no such file or folder here, and from the hub: .* cannot be reached \(ECONNREFUSED\), in 3 tries/,
  );
});

test('names that lead out of the folder are not written', async () => {
  await withHub(
    {
      ...small,
      'model.safetensors.index.json': bytes('{"weight_map":{"a":"../../../../evil.safetensors"}}'),
      '../../../../evil.safetensors': bytes('x'),
    },
    async (hub) => {
      const settings = await settingsFor(hub);
      await assert.rejects(
        locateModel('org/tiny', { settings }),
        /expected files of the repository but found "\.\.\/\.\.\/\.\.\/\.\.\/evil/,
      );
      await assert.rejects(stat(join(settings.cache, '..', '..', 'evil.safetensors')));
    },
  );
});

test('repositories without safetensors say what they hold', async () => {
  for (const [name, message] of [
    [
      'pytorch_model.bin',
      /org\/tiny: expected model\.safetensors or .* but found neither; it holds pytorch_model\.bin, a pickle/,
    ],
    ['q4.gguf', /it holds GGUF files: name one, as org\/name\/q4\.gguf/],
  ] as const)
    await withHub({ ...small, [name]: bytes('x') }, async (hub) => {
      await assert.rejects(locateModel('org/tiny', { settings: await settingsFor(hub) }), message);
    });
});

test('what lies here wins over an id', () =>
  withHub({}, async (hub) => {
    const here = join(root, 'here');
    await mkdir(here);
    assert.deepEqual(await locateModel(here, { settings: await settingsFor(hub) }), { path: here });
    assert.equal(hub.seen.length, 0);
  }));

test('settings are those of huggingface_hub', async () => {
  const home = join(root, 'settings');
  await mkdir(home);
  await writeFile(join(home, 'token'), 'hf_saved\n');
  assert.deepEqual(await hubSettings({ HOME: '/h', HF_HOME: home, HF_ENDPOINT: 'https://mirror.example/' }), {
    endpoint: 'https://mirror.example',
    cache: join(home, 'hub'),
    token: 'hf_saved',
    offline: false,
    timeoutMs: 30_000,
    tries: 5,
    retryMs: 1000,
  });
  assert.equal((await hubSettings({ HOME: '/h' })).cache, '/h/.cache/huggingface/hub');
  assert.equal((await hubSettings({ HOME: '/h', XDG_CACHE_HOME: '/x' })).cache, '/x/huggingface/hub');
  assert.equal((await hubSettings({ HOME: '/h', HF_HUB_CACHE: '~/c/$N', N: 'n' })).cache, '/h/c/n');
  assert.equal((await hubSettings({ HOME: '/h', HF_TOKEN: ' hf_env ', HF_HOME: home })).token, 'hf_env');
  assert.equal((await hubSettings({ HOME: '/h', HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).token, undefined);
  await assert.rejects(hubSettings({ HF_ENDPOINT: 'mirror' }), /HF_ENDPOINT: expected an address/);
  await assert.rejects(hubSettings({ HOME: '/h', HF_TOKEN: 'a\nb' }), /characters that no token has/);
});

test('links from snapshots may lead to blobs that repositories of the cache share, and nowhere else', async () => {
  const cache = join(root, 'shared');
  const snapshot = join(cache, 'models--o--n', 'snapshots', 'c'.repeat(40));
  for (const folder of [
    snapshot,
    join(cache, 'blobs', 'ab'),
    join(cache, 'models--o--n', 'blobs'),
    join(root, 'elsewhere'),
  ])
    await mkdir(folder, { recursive: true });
  await writeFile(join(cache, 'blobs', 'ab', 'abcd'), 'x');
  await writeFile(join(root, 'elsewhere', 'secret'), 'x');
  await symlink('../../blobs/ab/abcd', join(cache, 'models--o--n', 'blobs', 'etag'));
  await symlink('../../blobs/etag', join(snapshot, 'a.safetensors'));
  await symlink(join(root, 'elsewhere', 'secret'), join(snapshot, 'b.safetensors'));
  assert.equal(await pathInFolder(snapshot, 'a.safetensors', 'index'), join(snapshot, 'a.safetensors'));
  await assert.rejects(pathInFolder(snapshot, 'b.safetensors', 'index'), RangeError);
});

test('nano is the model that ships with the package, unless something of that name lies here', async () => {
  const { path } = await locateModel('nano');
  assert.match(path, /assets[\\/]nano$/);
  assert.match(await readFile(join(path, 'config.json'), 'utf8'), /"llama"/);
  assert.equal((await locateTokenizer('nano')).path, path);
  await assert.rejects(locateAdapter('nano'), /expected a PEFT adapter folder/);
});
