import { expect, it } from 'vitest'
import { bytesSource, type CheckpointError, openCheckpoint } from '../src/index.js'

const tar = new Uint8Array(1024)
tar.set(Buffer.from('ustar  '), 257)

it.each<[string, string | Uint8Array, RegExp]>([
  ['an HTML page', '<!DOCTYPE html>\n<html><title>Log in</title>', /web page/],
  ['HTML after white space', '\n\n  <html lang="en"><body></body></html>', /web page/],
  ['an XML error of a file store', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /web page/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', /git lfs pull/],
  ['an index', '{"metadata": {}, "weight_map": {}}', /openSharded/],
  ['a tar archive', tar, /tar archive/],
  ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), /gzip/],
  ['GGUF', 'GGUF\x03\0\0\0\0\0\0\0', /GGUF/],
  ['HDF5', '\x89HDF\r\n\x1a\n\0\0', /HDF5/],
  ['NumPy', '\x93NUMPY\x01\0v\0{}', /NumPy/],
])('%s gets a message of its own', async (_, content, message) => {
  const bytes = typeof content === 'string' ? Uint8Array.from(content, (c) => c.charCodeAt(0)) : content
  const error = await openCheckpoint(bytesSource(bytes, 'model.pth')).catch((e: unknown) => e as CheckpointError)
  expect(error).toMatchObject({ code: 'NotACheckpoint', message: expect.stringMatching(message) })
  expect((error as CheckpointError).message.startsWith('model.pth: ')).toBe(true)
})

it('a pickle that is not of PyTorch says so', async () => {
  await expect(openCheckpoint(bytesSource(Uint8Array.of(0x80, 4, 0x4e, 0x2e)))).rejects.toMatchObject({ code: 'InvalidLegacy' })
})

it('noise is no checkpoint', async () => {
  const noise = Uint8Array.from({ length: 100 }, (_, i) => (i * 97 + 13) & 255)
  await expect(openCheckpoint(bytesSource(noise))).rejects.toMatchObject({
    code: 'HeaderTooLarge',
    message: expect.stringMatching(/no safetensors file, and no PyTorch/),
  })
})
