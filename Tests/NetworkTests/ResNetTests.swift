import Network
import Testing

@Suite struct ResNetTests {
    let network = ResNet.resnet18

    @Test func theTableGivesTorchvisionsTensors() {
        let tensors = network.tensors(classes: 1000)
        #expect(tensors.count == 122)
        #expect(network.parameters(classes: 1000).count == 62)
        #expect(network.parameters(classes: 1000).reduce(0) { $0 + $1.count } == 11_689_512)
        #expect(tensors[0] == TensorSpec(name: "conv1.weight", shape: [64, 3, 7, 7], kind: .parameter))
        #expect(
            tensors.contains(
                TensorSpec(name: "layer2.0.downsample.0.weight", shape: [128, 64, 1, 1], kind: .parameter)))
        #expect(!tensors.contains { $0.name.hasPrefix("layer1.0.downsample") })
        #expect(tensors.last == TensorSpec(name: "fc.bias", shape: [1000], kind: .parameter))
        #expect(Set(tensors.map(\.name)).count == 122)
    }

    @Test func everyTensorBelongsToAUnit() {
        for tensor in network.tensors(classes: 2) {
            let unit = network.unit(of: tensor.name)
            #expect(unit != nil)
            if let unit {
                #expect(unit == 0 || tensor.name.hasPrefix(network.units[unit].name + "."))
            }
        }
        #expect(network.unit(of: "layer5.0.conv1.weight") == nil)
        #expect(network.head == 9)
        #expect(network.end == 10)
        #expect(network.isHead("fc.bias") && !network.isHead("layer4.1.bn2.bias"))
        #expect(
            ["fc.bias", "layer4.0.conv1.weight", "layer1.1.bn2.bias", "bn1.weight"].map(network.stagesBelowHead) == [
                0, 1, 4, 5,
            ])
    }

    @Test func mapsHaveTorchvisionsSizes() {
        let shapes = (0...network.end).map { network.shape(atCut: $0, imageSize: 224, classes: 7) }
        #expect(shapes.map(\.side) == [224, 56, 56, 56, 28, 28, 14, 14, 7, 1, 1])
        #expect(shapes.map(\.channels) == [3, 64, 64, 64, 128, 128, 256, 256, 512, 512, 7])
        #expect(network.output(of: network.stem, imageSize: 224) == MapShape(side: 112, channels: 64))
        #expect(network.output(ofUnit: 8, imageSize: 225) == MapShape(side: 8, channels: 512))
        #expect(network.output(ofUnit: 8, imageSize: 32) == MapShape(side: 1, channels: 512))
    }

    /// Not used yet; the table must suffice for it.
    @Test func aDeeperNetworkIsAnotherTable() {
        let deeper = ResNet(
            name: "resnet34",
            stages: [
                .init(channels: 64, blocks: 3, stride: 1), .init(channels: 128, blocks: 4, stride: 2),
                .init(channels: 256, blocks: 6, stride: 2), .init(channels: 512, blocks: 3, stride: 2),
            ])
        #expect(deeper.parameters(classes: 1000).reduce(0) { $0 + $1.count } == 21_797_672)
        #expect(deeper.head == 17)
    }
}
