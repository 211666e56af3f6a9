/** How an epoch is cut into batches and updates. */
export interface EpochCounts {
  /** What the shuffled list is padded to. */
  readonly samplesPerRank: number
  /** Whole ones. */
  readonly batchesPerRank: number
  readonly updates: number
  /** Read, and used for nothing. */
  readonly batchesLeft: number
}

/**
 * MambaOut's accumulating trainer: an epoch has images div (batch · accumulation · world) updates, each of `accumulation`
 * batches; what is left of the batches is read and ignored.
 */
export function epochCounts(
  images: number,
  { batch, accumulation = 1, world = 1 }: { batch: number; accumulation?: number; world?: number },
): EpochCounts {
  const samplesPerRank = Math.ceil(images / world)
  const batchesPerRank = Math.floor(samplesPerRank / batch)
  const updates = Math.floor(images / (batch * accumulation * world))
  return { samplesPerRank, batchesPerRank, updates, batchesLeft: batchesPerRank - updates * accumulation }
}
