#include "tiny_resolver.h"
