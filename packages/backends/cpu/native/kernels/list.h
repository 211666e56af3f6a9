// Every native kernel by the name that `Launch.kernel` says; `KERNEL` in its file defines it.
SCANLINE_KERNEL(cast)
SCANLINE_KERNEL(concat)
SCANLINE_KERNEL(copy)
SCANLINE_KERNEL(matmul)
SCANLINE_KERNEL(packMatrix)
SCANLINE_KERNEL(pad)
SCANLINE_KERNEL(pointwise)
SCANLINE_KERNEL(reduce)
