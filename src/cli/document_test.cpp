#include "cli/document.h"

#include <gtest/gtest.h>

namespace gemel::cli {
namespace {

constexpr auto* sample = R"({"a":1,"b":[],"c":[{"d":"no","e":null},{"d":"2"}],"f":{"g":true}})";

TEST(Document, indents_json) {
  EXPECT_EQ(pretty_json(sample),
            "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": [\n    {\n      \"d\": \"no\",\n      \"e\": null\n    },\n    {\n "
            "     \"d\": \"2\"\n"
            "    }\n  ],\n  \"f\": {\n    \"g\": true\n  }\n}\n");
  EXPECT_EQ(pretty_json("not json"), "not json");
}

TEST(Document, writes_yaml) {
  EXPECT_EQ(to_yaml(sample), "a: 1\nb: []\nc:\n  - d: \"no\"\n    e: null\n  - d: \"2\"\nf:\n  g: true\n");
  EXPECT_EQ(to_yaml("[]"), "[]\n");
}

}  // namespace
}  // namespace gemel::cli
