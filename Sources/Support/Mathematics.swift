#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package func logarithm10(_ value: Double) -> Double { log10(value) }
