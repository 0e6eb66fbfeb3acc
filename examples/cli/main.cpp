// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The command line: options and their ranges, help, exit codes.

#include <thimble/index/any_index.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/simd/isa.hpp>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "failure.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

// Beyond these a number is a slip of the finger.
constexpr std::size_t most_candidates = 1'000'000;
constexpr unsigned most_threads = 256;

constexpr const char* vector_files =
    "File types: .fbin .u8bin .i8bin .f16bin .bf16bin .fvecs .bvecs .npy .idx (or *-idx3-ubyte)\n";

constexpr const char* exit_codes =
    "Exit code: 0 done, 1 bad data or environment (one line on standard error says what), 2 usage\n";

// What the library says of a name that it does not know.
template <class Parse>
CLI::Validator known_to(Parse parse) {
  return CLI::Validator(
      [parse](const std::string& text) {
        const auto parsed = parse(text);
        return parsed ? std::string() : std::string(parsed.error().message);
      },
      "");
}

// One of these names, for an option that is an enumeration.
template <class Enum>
CLI::Validator one_of(const std::vector<std::pair<std::string, Enum>>& names) {
  std::string list;
  for (const auto& [name, value] : names) list += (list.empty() ? "" : "|") + name;
  return CLI::Validator(
      [names, list](std::string& text) {
        for (const auto& [name, value] : names)
          if (text == name) {
            text = std::to_string(static_cast<unsigned>(value));
            return std::string();
          }
        return "'" + text + "' is none of " + list;
      },
      list);
}

void add_simd(CLI::App& command, std::string& simd) {
  command
      .add_option(
          "--simd", simd,
          "Instruction set to use at most: auto, scalar, avx2, avx512, neon, dotprod. Results do not depend on it")
      ->check(known_to(simd::parse_isa))
      ->type_name("NAME")
      ->envname("THIMBLE_SIMD")
      ->capture_default_str();
}

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Print one JSON object and nothing else");
}

// A list with commas; one argument for each time the option is given.
CLI::Option* add_list(CLI::App& command, const char* flag, std::vector<std::size_t>& list, const char* help) {
  return command.add_option(flag, list, help)->delimiter(',')->allow_extra_args(false)->type_name("N,N,..");
}

void add_build(CLI::App& app, build_request& r) {
  CLI::App* c = app.add_subcommand("build", "Build an index from a file of vectors");
  c->add_option("--input", r.input, "The vectors, one a row; the index calls them 0, 1, 2, ...")->required();
  c->add_option("--output", r.output, "The index file to write; an old one is replaced at the very end")->required();
  c->add_option("--metric", r.metric, "Distance: l2 (squared Euclidean), ip (1 - inner product), cosine")
      ->check(CLI::IsMember({"l2", "ip", "cosine"}))
      ->capture_default_str();
  c->add_option("--quantizer", r.quantizer,
                "What the index keeps of each value of a vector: float32, float16, sq8, sq4 (32, 16, 8, 4 bits), "
                "rabitq1 to rabitq8 (1 to 8 bits). Fewer bits find less in the codes alone and need more candidates "
                "and a larger --rerank: sq8 to begin with, rabitq4 or sq4 for half of it, rabitq1 for the least memory")
      ->check(known_to(parse_quantizer))
      ->type_name("NAME")
      ->capture_default_str();
  c->add_option("--m", r.m, "Links a vector: more finds more and takes more memory")
      ->check(CLI::Range(2u, 64u))
      ->capture_default_str();
  c->add_option("--ef-construction", r.ef_construction,
                "Candidates looked at for each vector, at most: more builds slower and better")
      ->check(CLI::Range(1u, 100'000u))
      ->capture_default_str();
  c->add_option(
       "--build-quantizer", r.build_quantizer,
       "The codes that the graph's links are decided on: own, those that the index keeps, take the least memory; "
       "sq8 is fastest. auto is own, but sq8 for codes under 4 bits, which are too coarse: for them own is an "
       "error")
      ->transform(
          one_of<graph_codes>({{"auto", graph_codes::automatic}, {"own", graph_codes::own}, {"sq8", graph_codes::sq8}}))
      ->type_name("NAME")
      ->default_str("auto");
  c->add_option(
       "--scratch", r.scratch,
       "A folder on a local disk for what only the build needs, instead of memory: 8 times m bytes a vector, and "
       "1 a dimension where --build-quantizer is sq8")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  c->add_option("--threads", r.threads, "Threads; 0: one for each processor")
      ->check(CLI::Range(0u, most_threads))
      ->capture_default_str();
  c->add_option("--seed", r.seed, "Of the random levels: same seed and one thread, same index")
      ->check(CLI::NonNegativeNumber.description(""))
      ->capture_default_str();
  add_simd(*c, r.simd);
  add_json(*c, r.json);
  c->footer(
      std::string(
          "\nExample:\n  thimble build --input base.fbin --metric cosine --quantizer sq8 --output base.thimble\n\n") +
      vector_files + exit_codes);
}

void add_convert(CLI::App& app, convert_request& r) {
  CLI::App* c = app.add_subcommand("convert", "Write a file of vectors as float32 or float16");
  c->add_option("--input", r.input, "The vectors")->required();
  c->add_option(
       "--output", r.output,
       "The file to write: .f16bin for float16, half the bytes to keep and to read, which the index of the same "
       "float32 vectors takes for --vectors; .fbin for float32")
      ->required();
  add_json(*c, r.json);
  c->footer(std::string("\nExample:\n  thimble convert --input base.fbin --output base.f16bin\n\n") + vector_files +
            exit_codes);
}

void add_rerank_by(CLI::App& c, rerank_policy& by, float& epsilon) {
  c.add_option("--rerank-by", by,
               "Which are read: those that by the error bounds of rabitq may be among the k nearest, or a fixed number")
      ->transform(one_of<rerank_policy>({{"bound", rerank_policy::bound}, {"fixed", rerank_policy::fixed}}))
      ->type_name("NAME")
      ->default_str("bound");
  c.add_option("--epsilon", epsilon, "Width of those bounds in standard errors: fewer read fewer rows and miss more")
      ->check(CLI::Range(0.0f, 1000.0f))
      ->capture_default_str();
}

// Its range is the library's to say.
CLI::Option* add_gamma(CLI::App& c, std::optional<float>& gamma) {
  return c.add_option("--gamma", gamma,
                      "Keep no candidate that is farther than (1 + this) times the k-th best, by the metric's own "
                      "distance: saves time on easy queries. With an --ef of some hundred .05 to .3 is usual, and "
                      "'thimble tune' finds one; without it only --ef ends the walk");
}

void add_info(CLI::App& app, info_request& r) {
  CLI::App* c = app.add_subcommand("info", "Say what an index file holds and what it takes in memory");
  c->add_option("--index", r.index, "The index file")->required();
  add_json(*c, r.json);
  c->footer("\nExample:\n  thimble info --index base.thimble\n");
}

void add_search(CLI::App& app, search_request& r) {
  CLI::App* c = app.add_subcommand("search", "Search for the nearest vectors of some queries and show them");
  c->add_option("--index", r.index, "The index file")->required();
  c->add_option("--queries", r.queries, "A file of queries")->required();
  c->add_option("--vectors", r.vectors, "The vectors the index was built from, to rank the best candidates exactly");
  add_list(*c, "--query-row", r.query_rows, "Which rows of the queries to search for")->capture_default_str();
  CLI::Option* k = c->add_option("--k", r.k, "Results a query")
                       ->check(CLI::Range(std::size_t{1}, most_candidates))
                       ->capture_default_str();
  c->add_option("--ef", r.ef,
                "Candidates the search keeps: more is slower and finds more [the index's own default, which 'thimble "
                "tune' chooses]")
      ->check(CLI::Range(std::size_t{1}, most_candidates));
  CLI::Option* gamma = add_gamma(*c, r.gamma);
  CLI::Option* radius =
      c->add_option("--radius", r.radius,
                    "All vectors within this distance, in place of the --k nearest. It is the metric's own: l2 is "
                    "squared, ip and cosine are 1 - the product")
          ->excludes(k)
          ->excludes(gamma);
  c->add_option("--max", r.max, "With --radius: how many candidates are kept at most, about the nearest")
      ->check(CLI::Range(std::size_t{1}, std::size_t{max_nodes}))
      ->needs(radius)
      ->capture_default_str();
  c->add_option(
       "--rerank", r.rerank,
       "How many candidates are read from --vectors and measured exactly, at most. With --radius: how many of the "
       "nearest outside are measured too, where the quantizer has no error bounds")
      ->check(CLI::Range(std::size_t{0}, most_candidates))
      ->capture_default_str();
  add_rerank_by(*c, r.rerank_by, r.epsilon);
  c->add_option("--draw", r.draw, "Draw vectors that are square grey pictures (28 x 28 bytes, say) in the terminal")
      ->check(CLI::IsMember({"auto", "never"}))
      ->capture_default_str();
  c->add_option("--pictures", r.pictures,
                "Write such pictures to this .png or .pgm: queries at the left, hits to the right")
      ->check([](const std::string& path) {
        const bool known = detail::ends_with_any_case(path, ".png") || detail::ends_with_any_case(path, ".pgm");
        return known ? std::string() : std::string("a name that ends in .png or .pgm is needed");
      });
  add_simd(*c, r.simd);
  add_json(*c, r.json);
  c->footer(std::string("\nExample:\n  thimble search --index base.thimble --vectors base.fbin --queries query.fbin "
                        "--query-row 0,1,2\n\n") +
            vector_files);
}

void add_eval(CLI::App& app, eval_request& r) {
  CLI::App* c = app.add_subcommand("eval", "Measure recall and speed for several settings");
  c->add_option("--index", r.index, "The index file")->required();
  c->add_option("--vectors", r.vectors, "The vectors the index was built from, to rank the best candidates exactly");
  c->add_option("--queries", r.queries, "A file of queries")->required();
  c->add_option("--truth", r.truth, "Their exact answers (.ibin or .ivecs); computed from --vectors when left out");
  c->add_option("--k", r.k, "Results a query: recall@k is the share of the true k nearest among them")
      ->check(CLI::Range(std::size_t{1}, most_candidates))
      ->capture_default_str();
  add_list(*c, "--ef", r.ef, "Candidates the search keeps: one run for each")
      ->check(CLI::Range(std::size_t{1}, most_candidates))
      ->capture_default_str();
  add_list(*c, "--rerank", r.rerank, "How many of them are read from --vectors at most: one run for each [0,20,50]")
      ->check(CLI::Range(std::size_t{0}, most_candidates));
  add_rerank_by(*c, r.rerank_by, r.epsilon);
  add_gamma(*c, r.gamma);
  c->add_flag("--exhaustive", r.exhaustive,
              "Scan all codes instead of walking the graph: --ef candidates are kept, --rerank of them reranked");
  c->add_option("--threads", r.threads, "Threads that share the queries; 0: one for each processor")
      ->check(CLI::Range(0u, most_threads))
      ->capture_default_str();
  c->add_option("--repeat", r.repeat, "Timed passes a run at most (of 2 seconds together); queries/s is their median")
      ->check(CLI::Range(1u, 1000u))
      ->capture_default_str();
  add_simd(*c, r.simd);
  add_json(*c, r.json);
  c->footer(std::string("\nExample:\n  thimble eval --index base.thimble --vectors base.fbin --queries query.fbin --ef "
                        "20,40,80 --rerank 0,50\n\n") +
            vector_files);
}

void add_tune(CLI::App& app, tune_request& r) {
  CLI::App* c = app.add_subcommand(
      "tune", "Find the fastest ef and gamma with a wanted recall, and keep them as the index's default");
  c->add_option("--index", r.index,
                "The index file; it is replaced by one that differs in its default ef and gamma only")
      ->required();
  c->add_option("--vectors", r.vectors, "The vectors the index was built from")->required();
  CLI::Option* queries =
      c->add_option("--queries", r.queries,
                    "Queries to measure with. Left out: rows of --vectors, each without itself as an answer: "
                    "a little easier to find than new ones");
  c->add_option("--truth", r.truth, "Their exact answers (.ibin or .ivecs); computed from --vectors when left out")
      ->needs(queries);
  c->add_option("--recall", r.recall, "The recall@k that is wanted, above 0 and at most 1")->capture_default_str();
  c->add_option("--k", r.k, "Results a query: recall@k is the share of the true k nearest among them")
      ->check(CLI::Range(std::size_t{1}, most_candidates))
      ->capture_default_str();
  c->add_option("--rerank", r.rerank,
                "How many candidates are read from --vectors at most: as many as your searches will read")
      ->check(CLI::Range(std::size_t{0}, most_candidates))
      ->capture_default_str();
  add_rerank_by(*c, r.rerank_by, r.epsilon);
  c->add_option("--sample", r.sample, "Without --queries: how many rows are queries")
      ->check(CLI::Range(std::size_t{1}, most_candidates))
      ->excludes(queries)
      ->capture_default_str();
  c->add_option("--seed", r.seed, "Of the choice of these rows")
      ->check(CLI::NonNegativeNumber.description(""))
      ->capture_default_str();
  c->add_option("--threads", r.threads, "Threads that share the queries; 0: one for each processor")
      ->check(CLI::Range(0u, most_threads))
      ->capture_default_str();
  c->add_flag("--dry-run", r.dry_run, "Say what would be chosen and leave the index file alone");
  add_simd(*c, r.simd);
  add_json(*c, r.json);
  c->footer(std::string("\nExample:\n  thimble tune --index base.thimble --vectors base.fbin --recall .98\n\n") +
            vector_files +
            "Exit code: 0 done, 1 also where the recall is out of reach (the file stays as it is), 2 usage\n");
}

int fail_with(int code, std::string_view what) {
  (void)std::fputs(("thimble: " + one_line(what) + "\n").c_str(), stderr);
  return code;
}

int run(int argc, char** argv) {
  CLI::App app("Nearest-neighbour search where memory is the scarce resource", "thimble");
  build_request build_it;
  convert_request convert_it;
  info_request info_of;
  search_request search_for;
  eval_request eval_with;
  tune_request tune_to;
  add_build(app, build_it);
  add_convert(app, convert_it);
  add_info(app, info_of);
  add_search(app, search_for);
  add_eval(app, eval_with);
  add_tune(app, tune_to);
  app.require_subcommand(1);
  app.set_version_flag("--version", "thimble " THIMBLE_CLI_VERSION);
  app.footer(std::string("\nFirst steps:\n"
                         "  thimble build  --input base.fbin --output base.thimble\n"
                         "  thimble info   --index base.thimble\n"
                         "  thimble search --index base.thimble --vectors base.fbin --queries query.fbin\n"
                         "  thimble eval   --index base.thimble --vectors base.fbin --queries query.fbin\n"
                         "  thimble tune   --index base.thimble --vectors base.fbin --recall .95\n"
                         "'thimble build --help' and so on explain the options.\n\n") +
             vector_files + exit_codes);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return fail_with(bad_usage, std::string(e.what()) + " (thimble --help)");
  }
  try {
    if (app.got_subcommand("build")) build(build_it);
    if (app.got_subcommand("convert")) convert(convert_it);
    if (app.got_subcommand("info")) info(info_of);
    if (app.got_subcommand("search")) search(search_for);
    if (app.got_subcommand("eval")) eval(eval_with);
    if (app.got_subcommand("tune")) tune(tune_to);
  } catch (const usage_failure& e) {
    return fail_with(bad_usage, e.what());
  } catch (const interruption& i) {
    return fail_with(interrupted_base + i.signal, "interrupted");
  } catch (const std::bad_alloc&) {
    return fail_with(bad_data, "not enough memory");
  } catch (const std::exception& e) {
    return fail_with(bad_data, e.what());
  }
  return success;
}

}  // namespace

}  // namespace thimble::cli

int main(int argc, char** argv) { return thimble::cli::run(argc, argv); }
