/** Bytes in rows from the top, channels last: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: number
  /** `height * width * channels` bytes. */
  readonly data: Uint8Array
}

/** Pillow's names for what a file or a conversion stores: `1` bilevel (bytes 0 and 1), `P` palette indices, `I` int32, `F` float32. */
export type Mode = '1' | 'L' | 'LA' | 'P' | 'RGB' | 'RGBA' | 'CMYK' | 'HSV' | 'I' | 'F'

/** Pixels as stored, before any conversion. */
export interface Raster {
  readonly mode: Mode
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Int32Array | Float32Array
  /** RGB triples of mode `P`. Indices past its end are black. */
  readonly palette?: Uint8Array
}
