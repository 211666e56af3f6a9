import { ReferenceBackend } from '@scanline/tensor'
import { describe, it } from 'vitest'
import { conformance } from '../src/index.js'

// f32 tensors on the backend that defines what is right: what fails here is the suite, a sample, a gradient or compile.
describe('reference', () => {
  conformance(() => new ReferenceBackend(), {}, { describe, it })
})
