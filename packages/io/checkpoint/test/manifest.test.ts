import { describe, expect, it } from 'vitest'
import {
  CheckpointError,
  openCheckpoint,
  type PyDict,
  stateDict,
  tensorData,
  toFloat32,
  toFloat64,
  writeSafetensors,
} from '../src/index.js'
import { base64, bytesOf, CASES, type Case, caseOf, collect, differences, readEverything, sourceOf } from './fixtures.js'

const isSafetensors = (c: Case) => c.file.endsWith('.safetensors')
const load = async (file: string) => {
  const checkpoint = await openCheckpoint(sourceOf(file))
  await readEverything(checkpoint)
  return checkpoint
}

/** What each kind of damage is called, where the manifest does not say it. */
const CODES: Record<string, string> = {
  'zip_truncated_half.pt': 'Truncated',
  'zip_truncated_tail.pt': 'Truncated',
  'zip_no_pickle.pt': 'InvalidArchive',
  'zip_missing_storage.pt': 'InvalidStorage',
  'zip_short_storage.pt': 'InvalidStorage',
  'zip_duplicate_entry.pt': 'InvalidZip',
  'empty.pth': 'EmptyFile',
  'text.pth': 'NotACheckpoint',
  'git_lfs_pointer.pth': 'NotACheckpoint',
  'torchscript.pt': 'TorchScript',
  'plain_zip.pt': 'InvalidArchive',
  'legacy_truncated.pth': 'Truncated',
  'legacy_truncated_pickle.pth': 'Truncated',
  'legacy_wrong_magic.pth': 'InvalidLegacy',
  'legacy_bad_storage_size.pth': 'InvalidLegacy',
  'legacy_unknown_key.pth': 'InvalidLegacy',
  'bad_view_past_end.pt': 'InvalidView',
  'bad_view_negative_offset.pt': 'InvalidView',
  'bad_view_negative_stride.pt': 'InvalidView',
  'bad_view_negative_size.pt': 'InvalidView',
  'bad_view_rank_mismatch.pt': 'InvalidView',
  'bad_view_huge_expand.pt': 'LimitExceeded',
  'bad_storage_path.pt': 'InvalidStorage',
  'bad_storage_numel.pt': 'InvalidStorage',
  'bad_persistent_id.pt': 'InvalidStorage',
  'bad_stack_underflow.pt': 'InvalidPickle',
  'bad_no_stop.pt': 'Truncated',
  'bad_unknown_opcode.pt': 'ForbiddenOpcode',
  'bad_memo_reference.pt': 'InvalidPickle',
  'bad_string_length.pt': 'Truncated',
  'bad_protocol.pt': 'InvalidPickle',
}

describe('PyTorch files that are good', () => {
  it.each(CASES.filter((c) => c.content && !isSafetensors(c)))(
    '$file decodes to the manifest',
    async ({ file, content, not_run_through_the_reference }) => {
      const { object } = await load(file)
      expect(await differences(object as PyDict, content as never, !not_run_through_the_reference)).toEqual([])
    },
  )

  it.each(CASES.filter((c) => c.weights))('$file: the weights are found', async ({ file, weights }) => {
    const checkpoint = await load(file)
    for (const ema of [true, false]) {
      const entry = (checkpoint.object as PyDict).get(weights?.[ema ? 'with_average' : 'without_average'] as string) as PyDict
      const found = stateDict(checkpoint, { ema })
      expect([...found.keys()]).toEqual([...entry.keys()].map((name) => (name as string).replace('module.', '')))
      for (const [i, tensor] of [...entry.values()].entries())
        expect([...found.values()][i]?.read()).toEqual((tensor as { read(): unknown }).read())
    }
  })

  it('a plain state dict is its own weights', async () => {
    const checkpoint = await load('state_dict.pth')
    expect([...stateDict(checkpoint).keys()]).toEqual([...checkpoint.tensors.keys()])
    expect(checkpoint.format).toBe('pytorch')
    expect((await load('legacy_state_dict.pth')).format).toBe('pytorch-legacy')
  })

  it('a file without weights says what it has', async () => {
    await expect(load('sgd_state.pth').then((c) => stateDict(c))).rejects.toThrow(/"optimizer"/)
  })

  it.each(['views.pt', 'dtypes.pt'])('%s holds the same bytes as its legacy twin', async (file) => {
    const [zip, legacy] = await Promise.all(
      [file, `legacy_${file}`].map(async (name) => readEverything(await openCheckpoint(sourceOf(name)))),
    )
    expect(zip).toEqual(legacy)
    expect(zip?.size).toBeGreaterThan(10)
  })
})

describe('safetensors files that are good', () => {
  it.each(CASES.filter((c) => c.content && isSafetensors(c)))('$file decodes to the manifest', async ({ file, content }) => {
    const checkpoint = await load(file)
    expect(Object.fromEntries(checkpoint.metadata)).toEqual(content?.metadata)
    const found = await Promise.all(
      [...checkpoint.tensors.values()].map(async (e) => [e.name, e.dtype, e.shape, base64(await e.read())] as const),
    )
    const expected = Object.entries(content?.tensors ?? {}).map(
      ([name, e]) => [name, e.dtype.toLowerCase(), e.shape, e.bytes] as const,
    )
    const byName = (a: readonly unknown[], b: readonly unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1)
    expect(found.sort(byName)).toEqual(expected.sort(byName))
  })

  it('the canonical file is reproduced byte for byte', async () => {
    const { content, writer_input_order: order } = caseOf('st_canonical.safetensors') as Case & { writer_input_order: string[] }
    const tensors = order.map((name) => {
      const { dtype, shape, bytes } = (content as NonNullable<typeof content>).tensors[name] as {
        dtype: string
        shape: number[]
        bytes: string
      }
      return [name, tensorData(dtype.toLowerCase() as 'f32', shape, new Uint8Array(Buffer.from(bytes, 'base64')))] as const
    })
    expect(await collect(writeSafetensors(tensors, { format: 'pt' }))).toEqual(bytesOf('st_canonical.safetensors'))
  })

  it('small floats have the values of the manifest', async () => {
    const { tensors } = await load('st_small_floats.safetensors')
    const values = Object.entries(caseOf('st_small_floats.safetensors').values ?? {})
    expect(values.length).toBe(4)
    for (const [name, expected] of values) {
      const entry = tensors.get(name)
      if (!entry) throw new Error(`no tensor ${name}`)
      const numbers = expected.map((v) =>
        v === 'nan'
          ? Number.NaN
          : v === 'inf'
            ? Number.POSITIVE_INFINITY
            : v === '-inf'
              ? Number.NEGATIVE_INFINITY
              : (v as number),
      )
      expect([...toFloat32(await entry.read(), entry.dtype)]).toEqual(numbers)
      expect([...toFloat64(await entry.read(), entry.dtype)]).toEqual(numbers)
    }
  })
})

describe('files that must be refused', () => {
  it.each(CASES.filter((c) => c.expect === 'error' || c.expect === 'refuse'))(
    '$file: $note',
    async ({ file, expect: expected, reason }) => {
      const error = await load(file).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(CheckpointError)
      const { code, message } = error as CheckpointError
      if (expected === 'refuse') expect(['ForbiddenGlobal', 'ForbiddenOpcode']).toContain(code)
      else expect(code).toBe(reason ?? CODES[file])
      expect(message.startsWith(`${file}: `)).toBe(true)
      expect(message).toMatchSnapshot()
    },
  )
})

it.each(CASES.filter((c) => c.expect === 'either'))('$file decodes or is refused', async ({ file }) => {
  const outcome = await load(file).catch((e: unknown) => e)
  if (outcome instanceof Error) expect(outcome).toBeInstanceOf(CheckpointError)
})
