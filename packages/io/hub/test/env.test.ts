import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hostFacts } from '../src/index.node.js'

const facts = (env: Record<string, string>) => hostFacts(env, '/home/me', posix.join)

describe('hostFacts', () => {
  it("uses Hugging Face's folders by default", () => {
    expect(facts({})).toEqual({
      endpoint: 'https://huggingface.co',
      token: undefined,
      tokenFile: '/home/me/.cache/huggingface/token',
      offline: false,
      hubDir: '/home/me/.cache/huggingface/hub',
      urlDir: '/home/me/.cache/scanline/urls',
    })
  })

  it.each([
    [{ HF_HOME: '/hf' }, { hubDir: '/hf/hub', tokenFile: '/hf/token' }],
    [
      { HF_HOME: '/hf', HF_HUB_CACHE: '/c' },
      { hubDir: '/c', tokenFile: '/hf/token' },
    ],
    [{ HUGGINGFACE_HUB_CACHE: '~/c' }, { hubDir: '/home/me/c' }],
    [{ XDG_CACHE_HOME: '/x' }, { hubDir: '/x/huggingface/hub', urlDir: '/x/scanline/urls' }],
    [
      { HF_HUB_CACHE: '/c', SCANLINE_CACHE: '/s' },
      { hubDir: '/s', urlDir: '/s/urls' },
    ],
    [{ HF_ENDPOINT: 'https://mirror.example/' }, { endpoint: 'https://mirror.example' }],
    [{ HF_TOKEN: ' t ', HUGGING_FACE_HUB_TOKEN: 'old' }, { token: 't' }],
    [{ HF_TOKEN: '', HUGGING_FACE_HUB_TOKEN: 'old' }, { token: 'old' }],
    [{ HF_TOKEN_PATH: '/t' }, { tokenFile: '/t' }],
    [{ HF_HUB_OFFLINE: 'true' }, { offline: true }],
    [{ HF_HUB_OFFLINE: '0' }, { offline: false }],
  ])('%j', (env, expected) => expect(facts(env as Record<string, string>)).toMatchObject(expected))
})
