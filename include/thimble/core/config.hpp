// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything that depends on the compiler, the processor or the operating system is decided here and nowhere else.
// An embedder may define THIMBLE_ASSERT(condition), THIMBLE_ALLOCATE(bytes, alignment) and
// THIMBLE_DEALLOCATE(pointer, bytes, alignment) before the first include of thimble, the same in every file.

#pragma once

#include <cassert>
#include <new>

#if !defined(__GNUC__) && !defined(__clang__)
#error "thimble needs GCC 12, Clang 19 or Emscripten 3.1.69, or newer"
#endif

#if defined(__FAST_MATH__)
#error "thimble's results are the same everywhere only without -ffast-math: compile this file without it"
#endif

// A broken precondition: a mistake in the program, never in its data.
#ifndef THIMBLE_ASSERT
#define THIMBLE_ASSERT(condition) assert(condition)
#endif

// The one place where the library's memory comes from; a null pointer becomes errc::out_of_memory.
#ifndef THIMBLE_ALLOCATE
#define THIMBLE_ALLOCATE(bytes, alignment) ::operator new((bytes), std::align_val_t{alignment}, std::nothrow)
#define THIMBLE_DEALLOCATE(pointer, bytes, alignment) \
  ::operator delete((pointer), std::align_val_t{alignment}, std::nothrow)
#endif

#if defined(__x86_64__)
#define THIMBLE_X86 1
#else
#define THIMBLE_X86 0
#endif

#if defined(__aarch64__) && defined(__ARM_NEON)
#define THIMBLE_NEON 1
#else
#define THIMBLE_NEON 0
#endif

// Who knows whether an aarch64 processor has the dot product of bytes: all of Apple's do, Linux tells the program.
#if defined(__aarch64__) && (defined(__APPLE__) || defined(__ARM_FEATURE_DOTPROD))
#define THIMBLE_DOTPROD_IS_KNOWN 1
#else
#define THIMBLE_DOTPROD_IS_KNOWN 0
#endif
#if defined(__aarch64__) && defined(__linux__)
#define THIMBLE_AUXILIARY_VECTOR 1
#else
#define THIMBLE_AUXILIARY_VECTOR 0
#endif

#if defined(__wasm_simd128__)
#define THIMBLE_WASM_SIMD 1
#else
#define THIMBLE_WASM_SIMD 0
#endif

#if defined(__wasm_relaxed_simd__)
#define THIMBLE_WASM_RELAXED 1
#else
#define THIMBLE_WASM_RELAXED 0
#endif

// POSIX, but not Emscripten, whose file systems live in memory.
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__EMSCRIPTEN__)
#define THIMBLE_POSIX 1
#else
#define THIMBLE_POSIX 0
#endif

// posix_fallocate, which macOS lacks.
#if THIMBLE_POSIX && !defined(__APPLE__)
#define THIMBLE_RESERVED_BLOCKS 1
#else
#define THIMBLE_RESERVED_BLOCKS 0
#endif

#if defined(_WIN32)
#define THIMBLE_WINDOWS 1
#else
#define THIMBLE_WINDOWS 0
#endif

// Files that are mapped, written atomically and synced.
#define THIMBLE_FILES (THIMBLE_POSIX || THIMBLE_WINDOWS)

#if defined(__EMSCRIPTEN__)
#define THIMBLE_EMSCRIPTEN 1
#else
#define THIMBLE_EMSCRIPTEN 0
#endif

// Whether std::thread can start a thread.
#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
#define THIMBLE_THREADS 0
#else
#define THIMBLE_THREADS 1
#endif

#if defined(__linux__) && !defined(__EMSCRIPTEN__)
#define THIMBLE_HUGE_PAGES 1
#else
#define THIMBLE_HUGE_PAGES 0
#endif

// Kernels are compiled in every file that searches, 5 seconds each time (10 times that with sanitizers). A program of
// many files may compile them once: it defines THIMBLE_KERNELS_ELSEWHERE for all of them, and one, with the same -m
// flags, defines THIMBLE_KERNELS_HERE before it includes thimble/simd/dispatch.hpp.
#if defined(THIMBLE_KERNELS_HERE)
#define THIMBLE_KERNELS_ARE_HERE 1
#define THIMBLE_KERNEL_TABLE extern
#define THIMBLE_KERNEL_FUNCTION
#elif defined(THIMBLE_KERNELS_ELSEWHERE)
#define THIMBLE_KERNELS_ARE_HERE 0
#else
#define THIMBLE_KERNELS_ARE_HERE 1
#define THIMBLE_KERNEL_TABLE inline
#define THIMBLE_KERNEL_FUNCTION inline
#endif

// One program may be linked from files with different -m flags. What those allow is part of every name (an inline
// namespace), so that no file runs an inline function that another one compiled for a newer processor.
#if defined(__AVX512VNNI__)
#define THIMBLE_FLAGS for_avx512_vnni
#elif defined(__AVX512F__)
#define THIMBLE_FLAGS for_avx512
#elif defined(__AVX2__) || defined(__FMA__) || defined(__BMI2__)
#define THIMBLE_FLAGS for_avx2
#elif defined(__SSE3__) || defined(__POPCNT__)
#define THIMBLE_FLAGS for_sse4
#elif defined(__ARM_FEATURE_SVE)
#define THIMBLE_FLAGS for_sve
#elif defined(__ARM_FEATURE_DOTPROD)
#define THIMBLE_FLAGS for_dotprod
#elif defined(__ARM_FEATURE_ATOMICS)
#define THIMBLE_FLAGS for_armv8_1
#else
#define THIMBLE_FLAGS for_all
#endif

// A region of code for a processor with more than the user's flags allow. The whole region carries the target: neither
// compiler lets functions of a narrower one take vectors or inline intrinsics. GCC 12's AVX-512 headers build undefined
// registers from themselves, and it warns of that where they are inlined.
#define THIMBLE_PRAGMA(...) _Pragma(#__VA_ARGS__)
#if defined(__clang__)
#define THIMBLE_BEGIN_TARGET(features) \
  THIMBLE_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define THIMBLE_END_TARGET THIMBLE_PRAGMA(clang attribute pop)
#else
#define THIMBLE_BEGIN_TARGET(features)                           \
  THIMBLE_PRAGMA(GCC diagnostic push)                            \
  THIMBLE_PRAGMA(GCC diagnostic ignored "-Wuninitialized")       \
  THIMBLE_PRAGMA(GCC diagnostic ignored "-Wmaybe-uninitialized") \
  THIMBLE_PRAGMA(GCC push_options)                               \
  THIMBLE_PRAGMA(GCC target(features))
#define THIMBLE_END_TARGET        \
  THIMBLE_PRAGMA(GCC pop_options) \
  THIMBLE_PRAGMA(GCC diagnostic pop)
#endif

#define THIMBLE_ALWAYS_INLINE inline __attribute__((always_inline))
// Whether memory can be asked for ahead of its use: WASM has no instruction for it.
#if defined(__EMSCRIPTEN__)
#define THIMBLE_PREFETCHES 0
#else
#define THIMBLE_PREFETCHES 1
#endif
// In functions that are inlined always: GCC 12 takes one that only prefetches for a function without effect and drops
// its calls.
#define THIMBLE_PREFETCH(address) __builtin_prefetch(address)
// Into the second cache only: for more lines than a processor can have on their way to the first.
#define THIMBLE_PREFETCH_SECOND(address) __builtin_prefetch(address, 0, 2)

// From here on the compiler knows nothing of how this float or double came to be: a product stays rounded, for nothing
// can be fused with it. It costs no instruction. WASM has no fused form to begin with.
#if defined(__x86_64__)
#define THIMBLE_HIDE(value) __asm__("" : "+x"(value))
#elif defined(__aarch64__)
#define THIMBLE_HIDE(value) __asm__("" : "+w"(value))
#elif defined(__EMSCRIPTEN__)
#define THIMBLE_HIDE(value) static_cast<void>(value)
#else
#define THIMBLE_HIDE(value) __asm__("" : "+m"(value))
#endif

static_assert(sizeof(void*) == 4 || sizeof(void*) == 8);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are used in place");
