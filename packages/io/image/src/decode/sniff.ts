export type Format = 'jpeg' | 'png' | 'webp' | 'bmp' | 'pnm'

/** First bytes of a format. */
const SIGNATURES: readonly (readonly [format: Format, text: string])[] = [
  ['jpeg', '\xff\xd8\xff'],
  ['png', '\x89PNG\r\n\x1a\n'],
  ['bmp', 'BM'],
]

/** Formats that are recognized only to be named. */
const OTHERS: readonly (readonly [name: string, offset: number, text: string])[] = [
  ['GIF', 0, 'GIF8'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['AVIF', 4, 'ftypavi'],
  ['HEIF', 4, 'ftyphei'],
  ['HEIF', 4, 'ftypmif'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL '],
  ['JPEG 2000', 4, 'jP  '],
  ['ICO', 0, '\0\0\x01\0'],
  ['SVG', 0, '<svg'],
  ['PSD', 0, '8BPS'],
]

/** The format by content, never by name. */
export function sniff(bytes: Uint8Array): Format | undefined {
  for (const [format, text] of SIGNATURES) if (hasText(bytes, 0, text)) return format
  if (hasText(bytes, 0, 'RIFF') && hasText(bytes, 8, 'WEBP')) return 'webp'
  const isPnm =
    bytes[0] === 0x50 && bytes[1]! >= 0x31 && bytes[1]! <= 0x36 && (bytes[2] === 0x23 || (bytes[2]! >= 9 && bytes[2]! <= 32))
  return isPnm ? 'pnm' : undefined
}

/** Name of a format that is known but not decoded. */
export function sniffOther(bytes: Uint8Array): string | undefined {
  return OTHERS.find(([, offset, text]) => hasText(bytes, offset, text))?.[0]
}

export function hasText(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}
