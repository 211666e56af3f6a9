/**
 * Every error that Scanline throws on purpose. `code` is stable and machine-readable; the message names the value,
 * what was expected and what to do next.
 */
export class ScanlineError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Shapes that do not fit an op. */
export class ShapeError extends ScanlineError {
  constructor(message: string) {
    super('SHAPE', message)
  }
}

/** An element type that an op, or a backend, does not take. */
export class DTypeError extends ScanlineError {
  constructor(message: string) {
    super('DTYPE', message)
  }
}

/** An argument out of its range. */
export class ArgumentError extends ScanlineError {
  constructor(message: string) {
    super('ARGUMENT', message)
  }
}

/** Tensors of two devices in one op, or a traced tensor where a real one is needed. */
export class DeviceError extends ScanlineError {
  constructor(message: string) {
    super('DEVICE', message)
  }
}

/** A tensor, program or backend that was disposed before this use. */
export class DisposedError extends ScanlineError {
  constructor(message: string) {
    super('DISPOSED', message)
  }
}

/** No kernel and no decomposition: names op, shapes, dtypes, device and why the closest kernel declined. */
export class UnsupportedError extends ScanlineError {
  constructor(message: string) {
    super('UNSUPPORTED', message)
  }
}

/** The device cannot hold what was asked for. */
export class OutOfMemoryError extends ScanlineError {
  constructor(message: string) {
    super('OUT_OF_MEMORY', message)
  }
}

/** The device is gone (driver reset, worker crash). Tensors on it are lost; make a new backend. */
export class DeviceLostError extends ScanlineError {
  constructor(message: string) {
    super('DEVICE_LOST', message)
  }
}
