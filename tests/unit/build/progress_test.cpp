// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/build/progress.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

TEST(stage_monitor, reports_grow_and_end_at_the_total) {
  std::vector<build_progress> reports;
  const auto report = [&](const build_progress& p) {
    reports.push_back(p);
    return true;
  };
  stage_monitor monitor(build_stage::encode, 1000, report);
  for (int i = 0; i < 1000; ++i) monitor.finished_one(0);
  EXPECT_TRUE(succeeded(monitor.outcome()));
  ASSERT_GE(reports.size(), 2u);
  EXPECT_LE(reports.size(), 10u) << "a report for every vector would cost more than the vector";
  for (std::size_t i = 1; i < reports.size(); ++i) EXPECT_GT(reports[i].done, reports[i - 1].done);
  EXPECT_EQ(reports.back().done, 1000u);
  EXPECT_EQ(reports.back().total, 1000u);
  EXPECT_EQ(reports.back().stage, build_stage::encode);
}

TEST(stage_monitor, other_workers_count_and_stay_silent) {
  int reports = 0;
  const auto report = [&](const build_progress& p) {
    ++reports;
    return p.done <= p.total;
  };
  stage_monitor monitor(build_stage::link, 1000, report);
  for (int i = 0; i < 999; ++i) monitor.finished_one(1);
  EXPECT_EQ(reports, 0);
  monitor.finished_one(0);
  EXPECT_EQ(reports, 1);
}

TEST(stage_monitor, a_report_that_answers_no_cancels) {
  const auto no = [](const build_progress&) { return false; };
  stage_monitor monitor(build_stage::encode, 10'000, no);
  for (int i = 0; i < 10'000 && !monitor.stopped(); ++i) monitor.finished_one(0);
  EXPECT_TRUE(monitor.stopped());
  EXPECT_EQ(code_of(monitor.outcome()), errc::cancelled);
  // Even if it is asked at the very end only.
  const stage_monitor short_one(build_stage::encode, 1, no);
  EXPECT_EQ(code_of(short_one.outcome()), errc::cancelled);
}

TEST(stage_monitor, the_first_error_stays) {
  stage_monitor monitor(build_stage::encode, 10, {});
  EXPECT_FALSE(monitor.stopped());
  monitor.stop({errc::not_finite, "first", 3});
  monitor.stop({errc::corrupt, "second", 4});
  EXPECT_TRUE(monitor.stopped());
  ASSERT_EQ(code_of(monitor.outcome()), errc::not_finite);
  EXPECT_EQ(monitor.outcome().error().value, 3u);
}

TEST(stage_monitor, nobody_needs_to_listen) {
  stage_monitor monitor(build_stage::link, 600, {});
  for (int i = 0; i < 600; ++i) monitor.finished_one(0);
  EXPECT_TRUE(succeeded(monitor.outcome()));
}

TEST(build_stage, has_names) {
  EXPECT_EQ(name(build_stage::train), "train");
  EXPECT_EQ(name(build_stage::encode), "encode");
  EXPECT_EQ(name(build_stage::order), "order");
  EXPECT_EQ(name(build_stage::link), "link");
}

}  // namespace
}  // namespace thimble
