// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <chrono>
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
  double seconds;
};

std::span<const float> read_row(const mmap_store& rows, std::size_t i, std::span<float> scratch,
                                const std::string& path) {
  return take(rows.row(i, scratch), path);
}

nlohmann::ordered_json to_json(const answer& a) {
  nlohmann::ordered_json hits = nlohmann::ordered_json::array();
  for (const neighbor& hit : a.hits) hits.push_back({{"id", hit.id}, {"distance", hit.distance}});
  return {{"query_row", a.query_row},
          {"us", rounded(a.seconds * 1e6, 2)},
          {"vectors_read", a.vectors_read},
          {"batches", a.batches},
          {"hits", std::move(hits)}};
}

std::string to_text(const answer& a, const search_request& request) {
  const std::string read = a.vectors_read == 0 ? "distances estimated from codes"
                                               : with_commas(a.vectors_read) + " vectors read from " + request.vectors +
                                                     " for exact distances";
  std::string text = "query " + std::to_string(a.query_row) + " of " + request.queries + ": " +
                     std::to_string(a.hits.size()) + " nearest in " + fixed(a.seconds * 1e6, 0) + " us, " + read + "\n";
  const table hit_table{{"rank", 6}, {"vector", 12}, {"distance", 16}};
  text += hit_table.head();
  for (std::size_t i = 0; i < a.hits.size(); ++i)
    text += hit_table.row({std::to_string(i + 1), std::to_string(a.hits[i].id),
                           fixed(a.hits[i].distance, a.hits[i].distance > 1000 ? 0 : 6)});
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
  const bool pictures = vectors && picture_side(*vectors) != 0 && picture_side(queries) != 0;
  if (!request.pictures.empty() && !pictures)
    throw failure(request.pictures,
                  "only square rows of unsigned bytes (28 x 28, say) from --vectors can be shown as pictures");

  catch_interrupts();
  std::vector<float> scratch(index.dim());
  std::vector<answer> answers;
  std::vector<picture_row> sheet;
  // Pages are touched and scratch is made the first time; the time shown is that of the second.
  const search_params params{.k = request.k,
                             .ef = request.ef,
                             .rerank = vectors ? request.rerank : 0,
                             .rerank_by = request.rerank_by,
                             .epsilon = request.epsilon};
  for (const std::size_t query_row : request.query_rows) {
    const std::vector<float> query = [&] {
      const auto row = read_row(queries, query_row, scratch, request.queries);
      return std::vector<float>(row.begin(), row.end());
    }();
    answer a{.query_row = query_row, .hits = {}, .vectors_read = 0, .batches = 0, .seconds = 0};
    for (int pass = 0; pass < 2; ++pass) {
      const auto began = std::chrono::steady_clock::now();
      const auto hits = vectors ? index.search(query, params, *vectors) : index.search(query, params);
      a.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      if (!hits) throw failure(to_blame(hits.error(), request.index, request.vectors, request.queries), hits.error());
      a.hits.assign(hits->begin(), hits->end());
      a.vectors_read = hits->vectors_read();
      a.batches = hits->batches();
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
    nlohmann::ordered_json result{{"index", request.index},
                                  {"k", request.k},
                                  {"ef", request.ef},
                                  {"rerank", params.rerank},
                                  {"simd", simd::name(index.simd())},
                                  {"queries", nlohmann::ordered_json::array()}};
    for (const answer& a : answers) result["queries"].push_back(to_json(a));
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return;
  }
  const bool draw = pictures && request.draw != "never";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) print("\n");
    print(to_text(answers[i], request));
    if (!draw) continue;
    print("\n");
    print(drawing(sheet[i]));
  }
  if (draw) print("the query | its nearest, from the left\n");
  if (!request.pictures.empty()) print("pictures: " + request.pictures + "\n");
}

}  // namespace thimble::cli
