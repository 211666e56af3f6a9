import { readStateValue, type StateArray, type StateEntry, type StateValue } from '@scanline/nn'
import { ArgumentError, encode, sizeOf } from '@scanline/tensor'

/**
 * The first convolution's weight [O, I, kh, kw] for images of `channels` channels, as timm adapts it: one channel gets the
 * sum over red, green and blue; others repeat the three, scaled by 3 / channels so that activations keep their size.
 * Read when needed. Throws `ArgumentError` for weights that are not for three channels.
 */
export function adaptInputChannels(name: string, weight: StateValue, channels: number): StateEntry | StateArray {
  const [outputs, inputs, ...kernel] = weight.shape
  if (inputs !== 3)
    throw new ArgumentError(
      `the weights read images of ${inputs} channels; only weights for 3 channels can be adapted to ${channels}: load them with inChans ${inputs}`,
    )
  const taps = sizeOf(kernel)
  return {
    shape: [outputs, channels, ...kernel],
    dtype: 'f32',
    read: async () => {
      const from = await readStateValue(name, weight, 'f64')
      const to = new Float64Array(outputs * channels * taps)
      for (let i = 0; i < to.length; i++) {
        const [output, channel, tap] = [Math.floor(i / (channels * taps)), Math.floor(i / taps) % channels, i % taps]
        const at = (c: number) => Number(from[(output * 3 + c) * taps + tap])
        to[i] = channels === 1 ? at(0) + at(1) + at(2) : (at(channel % 3) * 3) / channels
      }
      return encode('f32', to)
    },
  }
}
