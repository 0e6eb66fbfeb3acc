// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands.hpp"
#include "failure.hpp"
#include "pictures.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "vectors.hpp"

namespace thimble::cli {

namespace {

struct answer {
  std::size_t query_row;
  std::vector<neighbor> hits;
  std::size_t vectors_read;
  std::size_t batches;
  bool cut;  // more than --max are within the radius
  double seconds;
  stage_times times;  // of another search than `seconds`: reading the clock takes time, too
};

std::span<const float> read_row(const mmap_store& rows, std::size_t i, std::span<float> scratch,
                                const std::string& path) {
  return take(rows.row(i, scratch), path);
}

// An ef that was chosen together with a gamma says nothing of a walk that has none.
std::size_t default_ef(const any_index& index, const search_request& request) {
  return request.radius && index.default_gamma() ? usual_ef : index.default_ef();
}

// The k nearest, or all within the radius. Throws a failure.
void search_once(const any_index& index, std::optional<mmap_store>& vectors, std::span<const float> query,
                 const search_params& params, const search_request& request, answer& a) {
  const auto fill = [&](const auto& hits) {
    if (!hits) fail_search(hits.error(), request.index, request.vectors, request.queries);
    a.hits.assign(hits->begin(), hits->end());
    a.vectors_read = hits->vectors_read();
    if constexpr (requires { hits->cut(); }) {
      a.cut = hits->cut();
    } else {
      a.batches = hits->batches();
      a.times = hits->times();
    }
  };
  if (request.radius) {
    const radius_params within{
        .ef = params.ef, .max = request.max, .epsilon = params.epsilon, .rim = params.rerank, .filter = {}};
    fill(vectors ? index.search_radius(query, *request.radius, within, *vectors)
                 : index.search_radius(query, *request.radius, within));
  } else {
    fill(vectors ? index.search(query, params, *vectors) : index.search(query, params));
  }
}

nlohmann::ordered_json to_json(const answer& a, const search_request& request) {
  nlohmann::ordered_json hits = nlohmann::ordered_json::array();
  for (const neighbor& hit : a.hits) hits.push_back({{"id", hit.id}, {"distance", hit.distance}});
  nlohmann::ordered_json result{
      {"query_row", a.query_row}, {"us", rounded(a.seconds * 1e6, 2)}, {"vectors_read", a.vectors_read}};
  if (request.radius) {
    result["cut"] = a.cut;
  } else {
    result["batches"] = a.batches;
    result["graph_us"] = rounded(static_cast<double>(a.times.graph_ns) / 1e3, 2);
    result["read_us"] = rounded(static_cast<double>(a.times.read_ns) / 1e3, 2);
    result["rerank_us"] = rounded(static_cast<double>(a.times.rerank_ns) / 1e3, 2);
  }
  result["hits"] = std::move(hits);
  return result;
}

// A few digits more than float32 tells apart.
std::string plain(float value) { return fixed(value, std::abs(value) > 1000 ? 0 : 6); }

std::string to_text(const answer& a, const search_request& request, bool vectors_rounded) {
  const std::string read = a.vectors_read == 0
                               ? "distances estimated from codes"
                               : with_commas(a.vectors_read) + " vectors read from " + request.vectors +
                                     " for exact distances" + (vectors_rounded ? " to vectors rounded to float16" : "");
  std::string text = "query " + std::to_string(a.query_row) + " of " + request.queries + ": " +
                     with_commas(a.hits.size()) + (request.radius ? " within " + plain(*request.radius) : " nearest") +
                     " in " + fixed(a.seconds * 1e6, 0) + " us, " + read + "\n";
  if (a.cut) text += "note: there may be more, only " + with_commas(request.max) + " were looked at (--max)\n";
  const table hit_table{{"rank", 6}, {"vector", 12}, {"distance", 16}};
  text += hit_table.head();
  for (std::size_t i = 0; i < a.hits.size(); ++i)
    text += hit_table.row({std::to_string(i + 1), std::to_string(a.hits[i].id), plain(a.hits[i].distance)});
  return text;
}

}  // namespace

void search(const search_request& request) {
  const any_index index = open_index(request.index, request.simd);
  std::optional<mmap_store> vectors;
  if (!request.vectors.empty()) vectors.emplace(open_vectors(request.vectors, index, request.index));
  const mmap_store queries = open_queries(request.queries, index);
  for (const std::size_t row : request.query_rows)
    if (row >= queries.size())
      throw failure(request.queries,
                    "has no row " + std::to_string(row) + ": rows go from 0 to " + std::to_string(queries.size() - 1));
  const bool vectors_rounded = vectors && index.rounded(*vectors);
  const bool pictures = vectors && picture_side(*vectors) != 0 && picture_side(queries) != 0;
  if (!request.pictures.empty() && !pictures)
    throw failure(request.pictures,
                  "only square rows of unsigned bytes (28 x 28, say) from --vectors can be shown as pictures");

  catch_interrupts();
  std::vector<float> scratch(index.dim());
  std::vector<answer> answers;
  std::vector<picture_row> sheet;
  // Pages are touched and scratch is made the first time; the time shown is that of the second; its stages are a third
  // one's.
  const search_params params{.k = request.k,
                             .ef = request.ef == 0 ? default_ef(index, request) : request.ef,
                             .gamma = request.gamma || request.ef != 0 ? request.gamma : index.default_gamma(),
                             .rerank = vectors ? request.rerank : 0,
                             .rerank_by = request.rerank_by,
                             .epsilon = request.epsilon};
  for (const std::size_t query_row : request.query_rows) {
    const std::vector<float> query = [&] {
      const auto row = read_row(queries, query_row, scratch, request.queries);
      return std::vector<float>(row.begin(), row.end());
    }();
    answer a{
        .query_row = query_row, .hits = {}, .vectors_read = 0, .batches = 0, .cut = false, .seconds = 0, .times = {}};
    for (int pass = 0; pass < 2; ++pass) {
      const auto began = std::chrono::steady_clock::now();
      search_once(index, vectors, query, params, request, a);
      a.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }
    if (request.json) {
      search_params timed = params;
      timed.clock = steady_clock_ns;
      search_once(index, vectors, query, timed, request, a);
    }
    if (pictures) {
      picture_row row{.query = picture_of(query), .hits = {}};
      for (const neighbor& hit : a.hits)
        row.hits.push_back(picture_of(read_row(*vectors, static_cast<std::size_t>(hit.id), scratch, request.vectors)));
      sheet.push_back(std::move(row));
    }
    answers.push_back(std::move(a));
    stop_if_interrupted();
  }

  if (!request.pictures.empty()) write_contact_sheet(request.pictures, sheet);
  if (request.json) {
    nlohmann::ordered_json result;
    result["index"] = request.index;
    if (request.radius) {
      result["radius"] = *request.radius;
      result["max"] = request.max;
      result["ef"] = std::min(params.ef, index.size());
    } else {
      result["k"] = request.k;
      result["ef"] = candidates_wanted(params, index.default_ef(), index.size());
      if (params.gamma) result["gamma"] = number_or_null(params.gamma);
    }
    result["rerank"] = params.rerank;
    if (vectors) result["vectors_rounded"] = vectors_rounded;
    result["simd"] = simd::name(index.simd());
    result["queries"] = nlohmann::ordered_json::array();
    for (const answer& a : answers) result["queries"].push_back(to_json(a, request));
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  const bool draw = pictures && request.draw != "never";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) print("\n");
    print(to_text(answers[i], request, vectors_rounded));
    if (!draw) continue;
    print("\n");
    print(drawing(sheet[i]));
  }
  if (draw) print("the query | its nearest, from the left\n");
  if (!request.pictures.empty()) print("pictures: " + request.pictures + "\n");
}

}  // namespace thimble::cli
