// Maps side by side: filters, or what they make of a picture.

import { useEffect, useRef } from 'preact/hooks'
import { type Map2d, largest, paint, paintInk } from '../draw/maps'
import { palette } from '../draw/theme'

interface TileProps {
  map: Map2d
  most: number
  ink?: boolean
}

function Tile({ map, most, ink }: TileProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const colours = palette.value
  useEffect(() => {
    if (canvas.current) (ink ? paintInk : paint)(canvas.current, map, most)
  }, [map.data, map.offset, most, colours, ink])
  return <canvas ref={canvas} width={map.width} height={map.height} aria-hidden="true" />
}

interface TilesProps {
  data: ArrayLike<number>
  count: number
  height: number
  width: number
  /** Said in place of the pictures. */
  label: string
  /** How large a tile is drawn, in pixels of the page. */
  size: number
  offset?: number
  most?: number
  ink?: boolean
}

export function Tiles({ data, count, height, width, label, size, offset = 0, most, ink = false }: TilesProps) {
  const full = most ?? (largest(data, offset, offset + count * height * width) || 1)
  return (
    <div class="tiles" role="img" aria-label={label} style={{ '--tile': `${size}px` }}>
      {Array.from({ length: count }, (_, i) => (
        <Tile key={i} map={{ data, offset: offset + i * height * width, height, width }} most={full} ink={ink} />
      ))}
    </div>
  )
}

/** Values in a row, as cells. */
export function Strip({ data, label }: { data: ArrayLike<number>; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const colours = palette.value
  useEffect(() => {
    const map = { data, offset: 0, height: 1, width: data.length }
    if (canvas.current) paint(canvas.current, map, largest(data) || 1)
  }, [data, colours])
  return <canvas ref={canvas} class="strip" role="img" aria-label={label} />
}
