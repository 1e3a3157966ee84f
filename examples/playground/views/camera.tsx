// A camera, for as long as it is wanted.

import { useEffect, useRef } from 'preact/hooks'

interface CameraProps {
  onTake(source: HTMLVideoElement, width: number, height: number): void
  onClose(): void
  onProblem(text: string): void
  /** What the button says. */
  action?: string
}

const WHY: Record<string, string> = {
  NotAllowedError: 'This page may not use the camera: allow it in the settings of the browser, or take a file.',
  NotFoundError: 'There is no camera: take a file, or draw.',
  NotReadableError: 'The camera is in use by another program: close that, or take a file.',
}

export function Camera({ onTake, onClose, onProblem, action = 'Take it' }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    let stream: MediaStream | undefined
    let ended = false
    const start = async () => {
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('', 'NotFoundError')
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: 640 } })
      if (ended) return stop()
      video.current!.srcObject = stream
      await video.current!.play()
    }
    const stop = () => stream?.getTracks().forEach((track) => track.stop())
    start().catch((error: unknown) => {
      if (ended) return
      const name = error instanceof Error ? error.name : ''
      onProblem(WHY[name] ?? `The camera did not start: ${String(error)}`)
      onClose()
    })
    return () => {
      ended = true
      stop()
    }
  }, [])
  return (
    <div class="camera">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <button
        class="primary"
        onClick={() => onTake(video.current!, video.current!.videoWidth, video.current!.videoHeight)}
      >
        {action}
      </button>
    </div>
  )
}
