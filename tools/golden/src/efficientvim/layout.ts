import { permute, type Tensor } from '@scanline/tensor'

/** [N, L, C] and [N, H, W, C] as the files have them, channels first; others as they are. */
export const channelsFirst = (x: Tensor): Tensor => (x.rank === 4 ? permute(x, [0, 3, 1, 2]) : permute(x, [0, 2, 1]))

/** The other way round. */
export const channelsLast = (x: Tensor): Tensor => (x.rank === 4 ? permute(x, [0, 2, 3, 1]) : permute(x, [0, 2, 1]))
