#include "sim/mutants.h"

namespace gemel::sim {

const std::vector<Mutation>& mutants() {
  static const std::vector<Mutation> list;
  return list;
}

}  // namespace gemel::sim
