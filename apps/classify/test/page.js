// What the page of browser.test.ts runs: the built packages, found through its import map.
import { compile } from '@scanline/compile'
import { Generator, tensor } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { createModel } from '@scanline/zoo'

globalThis.logits = async ({ threads, relaxedSimd, values, size }) => {
  const device = await createWasmBackend({ threads, relaxedSimd })
  const model = await createModel('test_mambaout', { device, generator: new Generator(7) })
  const program = await compile((x) => model.eval().forward(x), [{ shape: [1, size, size, 3], dtype: 'f32' }], { device })
  const data = await program.run(tensor(Float32Array.from(values), { device, shape: [1, size, size, 3] })).data()
  return { logits: [...data], threads: device.capabilities.threads, isolated: globalThis.crossOriginIsolated }
}
