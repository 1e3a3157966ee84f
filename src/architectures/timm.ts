import { checkArguments, oneOf } from '../errors'

/** Blocks of each stage; the layers of a block as timm calls them, each with where it is here, in its sequential. */
interface Names {
  readonly stages: readonly number[]
  readonly block: (index: number) => Readonly<Record<string, string>>
  readonly ends: Readonly<Record<string, string>>
}

const separable = { conv_dw: '0', bn1: '1', conv_pw: '3', bn2: '4' }
const stem = { conv_stem: 'features.0.0', bn1: 'features.0.1' }

const NETWORKS: Readonly<Record<string, Names>> = {
  mobileNetV1: {
    stages: [1, 2, 2, 6, 2],
    block: () => separable,
    ends: { ...stem, classifier: 'classifier' },
  },
  mobileNetV2: {
    stages: [1, 2, 3, 4, 3, 3, 1],
    // The first block does not expand.
    block: (index): Readonly<Record<string, string>> =>
      index === 1
        ? { conv_dw: 'conv.0.0', bn1: 'conv.0.1', conv_pw: 'conv.1', bn2: 'conv.2' }
        : {
            conv_pw: 'conv.0.0',
            bn1: 'conv.0.1',
            conv_dw: 'conv.1.0',
            bn2: 'conv.1.1',
            conv_pwl: 'conv.2',
            bn3: 'conv.3',
          },
    ends: { ...stem, conv_head: 'features.18.0', bn2: 'features.18.1', classifier: 'classifier.1' },
  },
}

/**
 * The option `rename` of Model.load for a file of timm's mobilenetv1 or mobilenetv2, of any width: what timm calls
 * `blocks.1.0.conv_pw.weight` is `features.2.conv.0.0.weight` here. timm's ResNets have torchvision's names, as ours do.
 *
 *     model.load(bytes, { rename: timmNames('mobileNetV2') })
 */
export function timmNames(network: 'mobileNetV1' | 'mobileNetV2'): (name: string) => string {
  checkArguments('timmNames', arguments, 1)
  const { stages, block, ends } = NETWORKS[oneOf('timmNames', 'network', network, ['mobileNetV1', 'mobileNetV2'])]
  return (name) => {
    const [, stage, at, layer, tensor] = /^blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)$/.exec(name) ?? []
    // What timm has beside these keeps its name, so that load names it.
    if (tensor) {
      const index = 1 + stages.slice(0, Number(stage)).reduce((sum, blocks) => sum + blocks, Number(at))
      const own = block(index)
      return Object.hasOwn(own, layer) ? `features.${index}.${own[layer]}.${tensor}` : name
    }
    const [, end, rest] = /^(\w+)\.(\w+)$/.exec(name) ?? []
    return end && Object.hasOwn(ends, end) ? `${ends[end]}.${rest}` : name
  }
}
