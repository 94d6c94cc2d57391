extension Preprocessing {
    /// ImageNet's mean and standard deviation per channel, as torchvision's weights expect them.
    package static let mean: [Float] = [0.485, 0.456, 0.406]
    package static let standardDeviation: [Float] = [0.229, 0.224, 0.225]

    /// (byte / 255 − mean) / std in float32, each operation rounded as ToTensor and Normalize round it; `[byte][channel]`.
    private static let table: [Float] = (0..<256).flatMap { byte in
        (0..<3).map { channel in (Float(byte) / 255 - mean[channel]) / standardDeviation[channel] }
    }

    /// Bytes `[height, width, 3]` to normalised float32 in the same layout. A rest below three bytes is left alone.
    package static func normalise(_ bytes: UnsafeBufferPointer<UInt8>, into: UnsafeMutablePointer<Float>) {
        guard let source = bytes.baseAddress else { return }
        table.withUnsafeBufferPointer { buffer in
            guard let table = buffer.baseAddress else { return }
            var i = 0
            while i + 2 < bytes.count {
                into[i] = table[Int(source[i]) &* 3]
                into[i &+ 1] = table[Int(source[i &+ 1]) &* 3 &+ 1]
                into[i &+ 2] = table[Int(source[i &+ 2]) &* 3 &+ 2]
                i &+= 3
            }
        }
    }

    /// The bytes that `normalise` was given, exactly: `[height, width, 3]` from normalised float32 in the same layout.
    package static func bytes(ofNormalised pixels: some Collection<Float>) -> [UInt8] {
        pixels.enumerated().map { place, value in
            let byte = ((value * standardDeviation[place % 3] + mean[place % 3]) * 255).rounded()
            return byte >= 0 ? UInt8(min(255, byte)) : 0
        }
    }
}
