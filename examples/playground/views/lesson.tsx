// What a choice does, for who wants to know.

import type { Lesson as Text } from '../model/lessons'

export function Lesson({ lesson }: { lesson: Text | undefined }) {
  if (!lesson?.text) return null
  return (
    <p class="lesson">
      {lesson.text}
      {lesson.formula && <code>{lesson.formula}</code>}
    </p>
  )
}
