import { EfficientViM } from '@scanline/efficientvim'
import { Linear } from '@scanline/nn'
import { parameterGroups, sgd } from '@scanline/optim'
import { add, crossEntropy, Generator, ReferenceBackend, reshape, type Tensor, tensor } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { hardDistillation, mesaMambaVision, mesaStart, recipe, recipeLoss, TrainStep } from '../src/index.js'

const device = new ReferenceBackend()
const logitsOf = (seed: number): Tensor => {
  const random = new Generator(seed)
  return tensor(
    Float64Array.from({ length: 8 }, () => random.normal()),
    { shape: [2, 4], device, dtype: 'f64' },
  )
}
const [logits, average, images] = [logitsOf(1), logitsOf(2), logitsOf(3)]
const targets = tensor(
  [
    [0.9, 0.1, 0, 0],
    [0, 0, 0.5, 0.5],
  ],
  { device, dtype: 'f64' },
)
const given = { outputs: logits, targets, images, averaged: () => average }

test('the averaged model teaches from its epoch on', async () => {
  expect(mesaStart(recipe('mamba_vision_T'))).toBe(78)
  expect(mesaStart(recipe('mamba_vision_B'))).toBe(94)
  expect(mesaStart(recipe('efficientvim_m1'))).toBe(75)
  expect(mesaStart(recipe('mambaout_femto'))).toBeUndefined()
  expect(mesaStart(recipe('efficientvim_m1_dist'))).toBeUndefined()
  const plain = await crossEntropy(logits, targets).item()
  const [before, after] = [77, 78].map((epoch) => recipeLoss(recipe('mamba_vision_T'), epoch)(given))
  expect(await before.item()).toBe(plain)
  expect(await after.item()).toBeCloseTo(
    await add(crossEntropy(logits, targets), mesaMambaVision(logits, average, 0.5)).item(),
    12,
  )
})

test('labels are smoothed where they are not mixed', async () => {
  const labels = tensor([1, 2], { device, dtype: 'i32' })
  const smoothed = await recipeLoss(recipe('vim_tiny'), 0)({ ...given, targets: labels }).item()
  expect(smoothed).not.toBe(await crossEntropy(logits, labels).item())
})

test('a teacher', async () => {
  expect(() => recipeLoss(recipe('efficientvim_m2_dist'), 0)).toThrow(/has the teacher regnety_160/)
  const loss = recipeLoss(recipe('efficientvim_m2_dist'), 200, () => average)
  const found = await loss({ ...given, outputs: { logits, distilled: images } }).item()
  const expected = 0.5 * (await crossEntropy(logits, targets).item()) + 0.5 * (await hardDistillation(images, average).item())
  expect(found).toBeCloseTo(expected, 12)
})

test('a distilled model and its teacher train in one program, the teacher unchanged', async () => {
  const options = { device, generator: new Generator(1) }
  using model = new EfficientViM(
    { embedDim: [8, 8, 8], depths: [1, 1, 1], stateDim: [4, 4, 4], numClasses: 3, distillation: true },
    options,
  )
  using teacher = new Linear(3 * 32 * 32, 3, options)
  const before = [...(await teacher.weight.data())]
  using step = await TrainStep.create(model, {
    forward: (x, random) => ({ ...model.forwardDistilled(x, random) }),
    loss: recipeLoss(recipe('efficientvim_m1_dist'), 0, (x) => teacher.forward(reshape(x, [x.shape[0], -1]))),
    images: { shape: [4, 32, 32, 3], dtype: 'f32' },
    targets: { shape: [4, 3], dtype: 'f32' },
    optimizer: sgd({ momentum: 0.9 }),
    groups: parameterGroups(model.namedParameters(), { weightDecay: 0, rule: 'efficientvim' }),
    random: new Generator(2),
  })
  const random = new Generator(4)
  const x = tensor(
    Float32Array.from({ length: 4 * 32 * 32 * 3 }, () => random.normal()),
    { shape: [4, 32, 32, 3], device },
  )
  const y = tensor(
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ],
    { device },
  )
  const losses: number[] = []
  for (let i = 0; i < 4; i++) losses.push(await step.run(x, y, { lr: 0.05 }).loss.item())
  expect(losses[3]).toBeLessThan(losses[0])
  expect([...(await teacher.weight.data())]).toEqual(before)
})
