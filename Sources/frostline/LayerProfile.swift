import Kernels
import Model
import Network
import Support

/// Where the time of a step goes, as a table and as JSON.
struct LayerProfile {
    let timings: [LayerTiming]
    /// GFLOPS of the multipliers, and of OpenBLAS's product of large matrices, on all threads together.
    let peak: (multipliers: Double, product: Double)
    let imageSize: Int

    // MARK: What computed it

    /// OpenBLAS multiplies for every convolution and for fc (but see `RowUniformity`); the rest is Frostline's own.
    private func products(_ timing: LayerTiming) -> String {
        switch timing.kind {
        case .forward, .inputGradient, .weightGradient:
            ResNet.resnet18.layers.first { $0.convolution == timing.name }.map { layer in
                guard usesWinograd(layer) else { return Self.blas }
                return (isOwn(layer, timing.kind) ? Self.own : Self.blas) + Self.winograd
            } ?? Self.blas
        case .normalisation, .normalisationGradient: Self.own
        case .other: timing.name == "fc" ? Self.blas : Self.own
        }
    }

    /// Of all three passes.
    private func products(_ layer: ConvolutionLayer) -> String {
        guard usesWinograd(layer) else { return Self.blas }
        let passes = Self.convolutionKinds.map { isOwn(layer, $0) ? Self.own : "BLAS" }
        return (passes.contains(Self.own) ? passes.joined(separator: ", ") : Self.blas) + Self.winograd
    }

    /// Whether own loops multiply in a pass of F(4×4).
    private func isOwn(_ layer: ConvolutionLayer, _ pass: LayerTiming.Kind) -> Bool {
        pass != .weightGradient
            && !WinogradConvolution.isMultipliedByBLAS(shape(layer), forInputGradient: pass == .inputGradient)
    }

    private func shape(_ layer: ConvolutionLayer) -> ConvolutionShape {
        ConvolutionShape(inputs: layer.inputs, outputs: layer.outputs, kernel: layer.kernel, stride: layer.stride)
    }

    private func usesWinograd(_ layer: ConvolutionLayer) -> Bool {
        var side = ResNet.resnet18.shape(atCut: layer.unit, imageSize: imageSize).side
        if layer.role == .second, let block = ResNet.resnet18.units[layer.unit].block {
            side = block.first.outputSide(side)
        }
        return WinogradWeights.fits(shape(layer), size: side)
    }

    private static let blas = "OpenBLAS"
    private static let own = "own"
    private static let winograd = " F(4×4)"

    func gigaflops(_ timing: LayerTiming) -> Double {
        timing.milliseconds > 0 ? 2 * Double(timing.multiplyAdds) / timing.milliseconds / 1e6 : 0
    }

    // MARK: JSON

    var json: [(String, JSON)] {
        let layers = timings.map { timing -> JSON in
            var fields: [(String, JSON)] = [
                ("name", .string(timing.name)), ("kind", .string(timing.kind.rawValue)),
                ("milliseconds", .number(timing.milliseconds)), ("computedBy", .string(products(timing))),
            ]
            if timing.multiplyAdds > 0 {
                fields += [
                    ("multiplyAdds", .integer(timing.multiplyAdds)), ("gigaflops", .number(gigaflops(timing))),
                    ("shareOfPeak", .number(share(gigaflops(timing)))),
                ]
            }
            return .object(fields)
        }
        return [
            ("peakGigaflops", .number(peak.multipliers)), ("productGigaflops", .number(peak.product)),
            ("layers", .array(layers)),
        ]
    }

    // MARK: The table

    private static let convolutionKinds: [LayerTiming.Kind] = [.forward, .inputGradient, .weightGradient]
    private static let normalisationKinds: [LayerTiming.Kind] = [.normalisation, .normalisationGradient]

    /// A row for each convolution, with the BatchNorm behind it in the last columns, then the rest and the sums.
    var table: String {
        var lines = [
            row("", "", ["forward", "input gradient", "weight gradient"], ["after it", ""]),
            row(
                "ms per step", "products by", Array(repeating: cells("ms", "GFLOPS", "peak"), count: 3),
                ["forward", "backward"]),
        ]
        let normalisations = timings.filter { Self.normalisationKinds.contains($0.kind) }
        for layer in ResNet.resnet18.layers {
            let name = layer.convolution
            guard timings.contains(where: { $0.name == name && $0.kind == .forward }) else { continue }
            let own = Self.convolutionKinds.map { kind in speed(timings.filter { $0.name == name && $0.kind == kind }) }
            let behind = Self.normalisationKinds.map { kind in
                milliseconds(normalisations.filter { $0.name == layer.batchNorm && $0.kind == kind })
            }
            lines.append(row(name, products(layer), own, behind))
        }
        lines.append(
            row(
                "all convolutions", "", Self.convolutionKinds.map { kind in speed(timings.filter { $0.kind == kind }) },
                Self.normalisationKinds.map { kind in milliseconds(timings.filter { $0.kind == kind }) }))
        for timing in timings where timing.kind == .other {
            lines.append(row(timing.name, products(timing), [cells(Self.short(timing.milliseconds), "", "")], []))
        }
        let total = timings.reduce(0) { $0 + $1.milliseconds }
        lines.append(row("sum", "", [cells(Self.short(total), "", "")], []))
        lines.append("")
        let choice = BLAS.choice
        lines.append(
            """
            Medians over the steps. "peak" is the share of \(Int(peak.multipliers.rounded())) GFLOPS, what multiply-adds \
            on registers alone reach on all threads at once
            (\(InstructionSet.inUse.title)); OpenBLAS's sgemm of 2048×2048 matrices reaches \
            \(Int(peak.product.rounded())) there (kernel \(choice.kernel): \(choice.reason)).
            Operations are counted as the plain convolution has them, two for each multiply-add, so F(4×4), which saves \
            multiplications, may exceed 100 %.
            "after it" is BatchNorm, ReLU, the addition of the shortcut and pooling, all own code, where they are not \
            done within the convolution.
            """)
        return lines.joined(separator: "\n")
    }

    private func speed(_ timings: [LayerTiming]) -> String {
        let spent = timings.reduce(0) { $0 + $1.milliseconds }
        guard spent > 0 else { return cells("", "", "") }
        let reached = 2 * Double(timings.reduce(0) { $0 + $1.multiplyAdds }) / spent / 1e6
        return cells(
            Self.short(spent), "\(Int(reached.rounded()))", "\(Int((100 * share(reached)).rounded())) %")
    }

    private func share(_ gigaflops: Double) -> Double {
        peak.multipliers > 0 ? gigaflops / peak.multipliers : 0
    }

    private func milliseconds(_ timings: [LayerTiming]) -> String {
        timings.isEmpty ? "" : Self.short(timings.reduce(0) { $0 + $1.milliseconds })
    }

    private static func short(_ value: Double) -> String { Numbers.fixed(value, 2) }

    private func cells(_ milliseconds: String, _ gigaflops: String, _ share: String) -> String {
        Self.right(milliseconds, 8) + Self.right(gigaflops, 8) + Self.right(share, 7)
    }

    private func row(_ name: String, _ products: String, _ passes: [String], _ behind: [String]) -> String {
        let text =
            name.padding(toLength: 22, withPad: " ", startingAt: 0)
            + products.padding(toLength: 22, withPad: " ", startingAt: 0)
            + passes.map { Self.right($0, 23) }.joined() + behind.map { Self.right($0, 10) }.joined()
        return String(text.reversed().drop { $0 == " " }.reversed())
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
