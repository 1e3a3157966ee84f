// A button that asks for files.

import type { ComponentChildren } from 'preact'
import { Icon } from './icons'

interface FileButtonProps {
  /** As of an input of files, such as `image/*`. */
  accept: string
  /** Where there is no room for words beside the icon. */
  title?: string
  /** Whether it takes several. */
  multiple?: boolean
  onFiles(files: readonly File[]): void
  children: ComponentChildren
}

/** Its words are its label. The same file may be chosen twice. */
export function FileButton({ accept, title, multiple = false, onFiles, children }: FileButtonProps) {
  return (
    <label class="button" title={title}>
      <Icon name="file" />
      {children}
      <input
        type="file"
        accept={accept}
        multiple={multiple}
        onChange={(event) => {
          const files = Array.from(event.currentTarget.files ?? [])
          if (files.length) onFiles(files)
          event.currentTarget.value = ''
        }}
      />
    </label>
  )
}
