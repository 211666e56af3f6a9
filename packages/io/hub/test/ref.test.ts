import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatRef, parseRef, RefError } from '../src/index.node.js'
import { downloadUrl } from '../src/ref.js'

const hub = (repo: string, revision = 'main', file = 'model.safetensors') => ({ kind: 'hub', repo, revision, file })

describe('parseRef', () => {
  it.each([
    ['timm/mambaout_femto.in1k', hub('timm/mambaout_femto.in1k')],
    ['hf:timm/mambaout_femto.in1k', hub('timm/mambaout_femto.in1k')],
    ['hf-hub:timm/mambaout_femto.in1k', hub('timm/mambaout_femto.in1k')],
    ['hf_hub:timm/mambaout_femto.in1k', hub('timm/mambaout_femto.in1k')],
    ['a/b@v1.0', hub('a/b', 'v1.0')],
    ['a/b:sub/pytorch_model.bin', hub('a/b', 'main', 'sub/pytorch_model.bin')],
    ['hf:a/b@refs/pr/1:config.json', hub('a/b', 'refs/pr/1', 'config.json')],
    ['https://huggingface.co/a/b/resolve/main/model.safetensors', hub('a/b')],
    ['https://huggingface.co/a/b/blob/v2/x/y.pth?download=true', hub('a/b', 'v2', 'x/y.pth')],
    ['https://huggingface.co/a/b/resolve/refs%2Fpr%2F3/y.pth', hub('a/b', 'refs/pr/3', 'y.pth')],
  ])('%s', (text, expected) => expect(parseRef(text)).toEqual(expected))

  it('keeps other addresses as they are', () => {
    const url = 'https://github.com/yuweihao/MambaOut/releases/download/model/mambaout_femto.pth?x=1'
    expect(parseRef(`${url}#top`)).toEqual({ kind: 'url', url, file: 'mambaout_femto.pth' })
    expect(parseRef('https://huggingface.co/datasets/a/b/resolve/main/f.bin').kind).toBe('url')
  })

  it('recognises the addresses of a mirror', () => {
    expect(parseRef('https://mirror.example/hf/a/b/resolve/main/f.bin', 'https://mirror.example/hf')).toEqual(
      hub('a/b', 'main', 'f.bin'),
    )
  })

  it.each([
    ['', 'not a hub id'],
    ['mambaout_femto.in1k', 'for example "timm/mambaout_femto.in1k"'],
    ['a/b/c', 'not a hub id'],
    ['a/..', 'not a hub id'],
    ['a--b/c', 'not a hub id'],
    ['.a/b', 'not a hub id'],
    ['a/b@', 'the revision is empty'],
    ['a/b:', 'the file is empty'],
    ['a/b:../../secret', 'not a relative path'],
    ['a/b:/etc/passwd', 'not a relative path'],
    ['a/b:x\\..\\y', 'not a relative path'],
    ['a/b@../up:f', 'not a relative path'],
    ['a/b:x\0y', 'not a relative path'],
    ['s3://bucket/key', 'scheme s3:// is not supported'],
    ['https://example.com/', 'names no file'],
    ['https://example.com/%zz', 'broken % escape'],
    ['https://user:pw@example.com/f', 'user name or password'],
    ['https://huggingface.co/a/b/resolve/main/..%2f..%2fsecret', 'not a relative path'],
  ])('refuses %j', (text, message) => {
    expect(() => parseRef(text)).toThrow(RefError)
    expect(() => parseRef(text)).toThrow(message)
  })

  const name = fc.stringMatching(/^[a-z0-9_][a-z0-9_]{0,10}(\.[a-z0-9]{1,4})?$/)
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))

  it('reads back what formatRef and downloadUrl write', () => {
    fc.assert(
      fc.property(name, name, path, path, (org, repo, revision, file) => {
        const ref = parseRef(`${org}/${repo}@${revision}:${file}`)
        expect(parseRef(formatRef(ref))).toEqual(ref)
        expect(parseRef(downloadUrl(ref, 'https://huggingface.co'))).toEqual(ref)
      }),
    )
  })

  it('never yields a path that leaves its folder', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '/', '.', '..', '@', ':', '\\', '%2f', '\0') }), (text) => {
        try {
          const ref = parseRef(`a/b${text}`)
          expect(ref.file.split('/').every((part) => part !== '' && part !== '..' && !/[\\\0]/.test(part))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(RefError)
        }
      }),
    )
  })
})
