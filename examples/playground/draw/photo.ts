// Pictures of three planes, as they are.

/** Paints planes of bytes, red, green and blue one after the other. */
export function paintPhoto(canvas: HTMLCanvasElement, raw: ArrayLike<number>, side: number): void {
  if (canvas.width !== side) Object.assign(canvas, { width: side, height: side })
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(side, side)
  const size = side * side
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = raw[c * size + i]
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, 0, 0)
}
