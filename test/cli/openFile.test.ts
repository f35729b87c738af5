import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFile, opener } from '../../src/cli/openFile.ts';

test('a file is shown where there is a desktop to show it on', () => {
  assert.deepEqual(opener('darwin', {}), ['open']);
  assert.deepEqual(opener('win32', {}), ['cmd', '/c', 'start', '']);
  assert.deepEqual(opener('linux', { DISPLAY: ':0' }), ['xdg-open']);
  assert.deepEqual(opener('linux', { WAYLAND_DISPLAY: 'wayland-0' }), ['xdg-open']);
  assert.equal(opener('linux', {}), undefined);
  assert.equal(opener('darwin', { SSH_CONNECTION: 'somewhere' }), undefined);
  assert.equal(opener('linux', { DISPLAY: ':0', CI: 'true' }), undefined);
  openFile('nothing.html', 'linux', {});
});
