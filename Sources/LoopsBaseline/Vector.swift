// These sources are compiled three times: as LoopsBaseline, LoopsAVX2 and LoopsAVX512, which Package.swift gives their
// instruction sets and these conditions.
#if LANES_16
    typealias Vector = SIMD16<Float>
    typealias Taps = SIMD16<Int32>
    typealias Bytes = SIMD16<UInt8>
#else
    typealias Vector = SIMD8<Float>
    typealias Taps = SIMD8<Int32>
    typealias Bytes = SIMD8<UInt8>
#endif
typealias Doubles = SIMD8<Double>

// Conversions lane by lane, which become one instruction. The standard library's are functions that all three modules share
// in the linked program: one processor's would be called on another (Tests/processors.sh looks for such).

@inline(__always) func widened(_ x: SIMD8<Float>) -> Doubles {
    Doubles(
        Double(x[0]), Double(x[1]), Double(x[2]), Double(x[3]), Double(x[4]), Double(x[5]), Double(x[6]), Double(x[7]))
}

@inline(__always) func widened(_ x: Bytes) -> Taps {
    var result = Taps.zero
    for lane in 0..<Taps.scalarCount { result[lane] = Int32(x[lane]) }
    return result
}

@inline(__always) func narrowed(_ x: Taps) -> Bytes {
    var result = Bytes.zero
    for lane in 0..<Bytes.scalarCount { result[lane] = UInt8(truncatingIfNeeded: x[lane]) }
    return result
}

/// a·b + c, rounded once where the processor has that instruction: as a function of the C library it would take longer
/// than all the rest.
@inline(__always) func fused(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if FUSED
        c.addingProduct(a, b)
    #else
        c + a * b
    #endif
}

@inline(__always) func fused(_ factor: Float, _ x: Vector, _ y: Vector) -> Vector {
    fused(Vector(repeating: factor), x, y)
}

@inline(__always) func fused(_ a: Doubles, _ b: Doubles, _ c: Doubles) -> Doubles {
    #if FUSED
        c.addingProduct(a, b)
    #else
        c + a * b
    #endif
}

/// max(x, 0), where NaN stays NaN as in PyTorch.
@inline(__always) func relu(_ x: Vector) -> Vector { x.replacing(with: 0, where: x .< 0) }

/// Calls `body` for every vector of `count` floats; a plain loop once it is inlined.
@inline(__always) func eachVector(_ count: Int, _ body: (_ c: Int) -> Void) {
    var c = 0
    while c < count {
        body(c)
        c &+= Vector.scalarCount
    }
}

extension UnsafePointer<Float> {
    @inline(__always) func vector(_ offset: Int) -> Vector {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector.self)
    }

    @inline(__always) func eight(_ offset: Int) -> SIMD8<Float> {
        UnsafeRawPointer(self + offset).loadUnaligned(as: SIMD8<Float>.self)
    }
}

extension UnsafeMutablePointer<Float> {
    @inline(__always) func vector(_ offset: Int) -> Vector { UnsafePointer(self).vector(offset) }
    @inline(__always) func eight(_ offset: Int) -> SIMD8<Float> { UnsafePointer(self).eight(offset) }

    @inline(__always) func store(_ vector: Vector, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector.self)
    }

    #if LANES_16
        @inline(__always) func store(_ vector: SIMD8<Float>, _ offset: Int) {
            UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: SIMD8<Float>.self)
        }
    #endif
}

extension UnsafePointer<Double> {
    @inline(__always) func eight(_ offset: Int) -> Doubles {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Doubles.self)
    }
}

extension UnsafeMutablePointer<Double> {
    @inline(__always) func eight(_ offset: Int) -> Doubles { UnsafePointer(self).eight(offset) }

    @inline(__always) func store(_ vector: Doubles, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Doubles.self)
    }
}
