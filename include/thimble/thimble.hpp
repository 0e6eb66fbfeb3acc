// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// All of thimble, in the order of the pipeline. Start reading at index/index.hpp.

#pragma once

#include <thimble/core/bfloat16.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/range_rows.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/simd/isa.hpp>

#include <thimble/io/vector_rows.hpp>

#include <thimble/quant/float16.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq4.hpp>
#include <thimble/quant/sq8.hpp>

#include <thimble/store/browser_store.hpp>
#include <thimble/store/browser_writer.hpp>
#include <thimble/store/cache_store.hpp>
#include <thimble/store/file_store.hpp>
#include <thimble/store/http_store.hpp>
#include <thimble/store/idbfs_store.hpp>
#include <thimble/store/idbfs_writer.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/mmap_store.hpp>
#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>
#include <thimble/store/recompute_store.hpp>

#include <thimble/rerank/blocking.hpp>
#include <thimble/rerank/callback.hpp>

#include <thimble/index/any_index.hpp>
#include <thimble/index/batch_search.hpp>
#include <thimble/index/freeze.hpp>
#include <thimble/index/index.hpp>
#include <thimble/index/mutable_index.hpp>
