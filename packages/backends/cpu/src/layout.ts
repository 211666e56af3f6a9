/** Axes of one iteration space and, for each tensor in it, the stride of every axis, in elements. */
export interface Layout {
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/** The same iteration with axes of length 1 dropped and neighbours merged wherever all tensors step through both evenly. */
export function collapse(shape: readonly number[], strides: readonly (readonly number[])[]): Layout {
  const dims: number[] = []
  const merged: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue
    const fits = dims.length > 0 && strides.every((s, t) => merged[t].at(-1) === s[axis] * shape[axis])
    if (fits) dims[dims.length - 1] *= shape[axis]
    else dims.push(shape[axis])
    strides.forEach((s, t) => {
      if (fits) merged[t][merged[t].length - 1] = s[axis]
      else merged[t].push(s[axis])
    })
  }
  return { dims, strides: merged }
}
