import { clipByComponentNorm } from './clipByComponentNorm.ts';
import { clipByGlobalNorm } from './clipByGlobalNorm.ts';

/** Every way to limit gradients by their norm, by the name that configs give it. */
export const clips = { global: clipByGlobalNorm, component: clipByComponentNorm } as const;

export type ClipType = keyof typeof clips;

export const clipTypes = Object.keys(clips) as unknown as readonly [ClipType, ...ClipType[]];
