import COpenBLAS

/// What the processor that this was compiled for can do; constants that the optimiser sees through.
enum Processor {
    @inline(__always) static var isFused: Bool { FROSTLINE_FUSED != 0 }
    @inline(__always) static var hasWideVectors: Bool { FROSTLINE_VECTOR_FLOATS == 16 }
}

typealias Vector8 = SIMD8<Float>
typealias Vector16 = SIMD16<Float>

/// a·b + c, rounded once where the processor has that instruction.
@inline(__always) func fused(_ a: Vector8, _ b: Vector8, _ c: Vector8) -> Vector8 {
    Processor.isFused ? c.addingProduct(a, b) : c + a * b
}

@inline(__always) func fused(_ a: Vector16, _ b: Vector16, _ c: Vector16) -> Vector16 {
    Processor.isFused ? c.addingProduct(a, b) : c + a * b
}

@inline(__always) func fused(_ a: SIMD8<Double>, _ b: SIMD8<Double>, _ c: SIMD8<Double>) -> SIMD8<Double> {
    Processor.isFused ? c.addingProduct(a, b) : c + a * b
}

/// max(x, 0), where NaN stays NaN as in PyTorch.
@inline(__always) func relu(_ x: Vector8) -> Vector8 {
    var result = x
    result.replace(with: 0, where: x .< 0)
    return result
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
    @inline(__always) func vector16(_ offset: Int) -> Vector16 {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector16.self)
    }

    @inline(__always) func vector8(_ offset: Int) -> Vector8 {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector8.self)
    }

    @inline(__always) func store(_ vector: Vector8, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector8.self)
    }

    @inline(__always) func store(_ vector: Vector16, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector16.self)
    }
}
