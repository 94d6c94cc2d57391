import COpenBLAS

/// What the processor that this was compiled for can do; constants that the optimiser sees through.
@usableFromInline
package enum Processor {
    @inlinable package static var isFused: Bool { FROSTLINE_FUSED != 0 }
    @inline(__always) static var hasWideVectors: Bool { FROSTLINE_VECTOR_FLOATS == 16 }
}

typealias Vector8 = SIMD8<Float>
typealias Vector16 = SIMD16<Float>

/// a·b + c, rounded once where the processor has that instruction.
@inlinable @inline(__always) package func fused(_ a: SIMD8<Float>, _ b: SIMD8<Float>, _ c: SIMD8<Float>) -> SIMD8<Float>
{ Processor.isFused ? c.addingProduct(a, b) : c + a * b }

@inline(__always) func fused(_ a: Vector16, _ b: Vector16, _ c: Vector16) -> Vector16 {
    Processor.isFused ? c.addingProduct(a, b) : c + a * b
}

@inline(__always) func fused(_ a: SIMD8<Double>, _ b: SIMD8<Double>, _ c: SIMD8<Double>) -> SIMD8<Double> {
    Processor.isFused ? c.addingProduct(a, b) : c + a * b
}

/// max(x, 0), where NaN stays NaN as in PyTorch.
@inline(__always) func relu(_ x: Vector8) -> Vector8 { x.replacing(with: 0, where: x .< 0) }

/// Kernels go through channels eight at a time, without a rest.
func requireWholeVectors(_ channels: Int) {
    precondition(channels % 8 == 0, "This kernel takes a multiple of 8 channels, not \(channels).")
}

/// Calls `body` for channels 0, 8, 16, …; a plain loop once it is inlined.
@inline(__always) func eachVector(_ channels: Int, _ body: (_ c: Int) -> Void) {
    var c = 0
    while c < channels {
        body(c)
        c &+= 8
    }
}

extension UnsafePointer<Float> {
    @inline(__always) func vector8(_ offset: Int) -> Vector8 {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector8.self)
    }

    @inline(__always) func vector16(_ offset: Int) -> Vector16 {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector16.self)
    }
}

extension UnsafeMutablePointer<Float> {
    @inline(__always) func vector8(_ offset: Int) -> Vector8 { UnsafePointer(self).vector8(offset) }
    @inline(__always) func vector16(_ offset: Int) -> Vector16 { UnsafePointer(self).vector16(offset) }

    @inline(__always) func store(_ vector: Vector8, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector8.self)
    }

    @inline(__always) func store(_ vector: Vector16, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector16.self)
    }
}

extension UnsafePointer<Double> {
    @inline(__always) func vector8(_ offset: Int) -> SIMD8<Double> {
        UnsafeRawPointer(self + offset).loadUnaligned(as: SIMD8<Double>.self)
    }
}

extension UnsafeMutablePointer<Double> {
    @inline(__always) func vector8(_ offset: Int) -> SIMD8<Double> { UnsafePointer(self).vector8(offset) }

    @inline(__always) func store(_ vector: SIMD8<Double>, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: SIMD8<Double>.self)
    }
}
