import type { NodeProto } from '../schema'
import type { Known } from './builder'
import type { File } from './file'
import type { Op } from './op'
export interface Pattern { readonly reads: readonly string[]; readonly convert: (op: Op) => Known }
export function findPattern(_file: File, _node: NodeProto, _name: string): Pattern | undefined { return undefined }
