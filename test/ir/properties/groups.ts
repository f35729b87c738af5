import { arrayProperties } from './arrays.ts';
import { attentionProperties } from './attention.ts';
import { extremeProperties } from './extremes.ts';
import { layerProperties } from './layers.ts';
import { windowProperties } from './windows.ts';
import type { Property } from './draw.ts';

/** What every engine has to hold, by kind. */
export const propertyGroups: Readonly<Record<string, readonly Property[]>> = {
  attention: attentionProperties,
  'ops of any shape': arrayProperties,
  'ops of operands that fit each other': layerProperties,
  'convolutions, pools and resizes': windowProperties,
  'extremes and infinities': extremeProperties,
};
