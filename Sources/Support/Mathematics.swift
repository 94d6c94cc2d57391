#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

package func logarithm10(_ value: Double) -> Double { log10(value) }

package func exponential10(_ value: Double) -> Double { pow(10, value) }
