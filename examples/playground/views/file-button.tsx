// A button that asks for files.

import type { ComponentChildren } from 'preact'
import { Icon } from './icons'

interface FileButtonProps {
  /** As of an input of files, such as `image/*`. */
  accept: string
  /** Where there is no room for words beside the icon. */
  title?: string
  onFile(file: File): void
  children: ComponentChildren
}

/** Its words are its label. The same file may be chosen twice. */
export function FileButton({ accept, title, onFile, children }: FileButtonProps) {
  return (
    <label class="button" title={title}>
      <Icon name="file" />
      {children}
      <input
        type="file"
        accept={accept}
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? []
          if (file) onFile(file)
          event.currentTarget.value = ''
        }}
      />
    </label>
  )
}
