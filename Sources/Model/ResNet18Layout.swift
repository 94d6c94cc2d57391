@_exported import Network

// Until this module reads `Network` itself.
package enum ResNet18Layout {
    package typealias ConvolutionUnit = ConvolutionLayer
    package static let stem = ResNet.resnet18.stem
    package static let blocks = ResNet.resnet18.blocks
    package static let featureCount = ResNet.resnet18.featureCount
    package static let wholeCut = ResNet.resnet18.end
    package static func tensors(classes: Int) -> [TensorSpec] { ResNet.resnet18.tensors(classes: classes) }
    package static func parameters(classes: Int) -> [TensorSpec] { ResNet.resnet18.parameters(classes: classes) }
    package static func outputSize(_ input: Int, kernel: Int, stride: Int) -> Int {
        (input + 2 * (kernel / 2) - kernel) / stride + 1
    }
}
