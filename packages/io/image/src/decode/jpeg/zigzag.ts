function zigzag(): Uint8Array {
  const order = new Uint8Array(64)
  for (let i = 0, x = 0, y = 0; i < 64; i++) {
    order[i] = y * 8 + x
    const up = (x + y) % 2 === 0
    if (up ? x === 7 : y === 7) up ? y++ : x++
    else if (up ? y === 0 : x === 0) up ? x++ : y++
    else {
      x += up ? 1 : -1
      y += up ? -1 : 1
    }
  }
  return order
}

/** Row-major index of each coefficient in the order of the file (T.81, figure A.6). */
export const ZIGZAG = zigzag()
