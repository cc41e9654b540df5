# SPDX-License-Identifier: Apache-2.0
# The runtime for plain Make: include this file, then compile $(MCUEDIT_SRCS) with $(MCUEDIT_CPPFLAGS). Firmware with
# TensorFlow Lite Micro also compiles $(MCUEDIT_TFLM_SRCS), with $(MCUEDIT_TFLM_CPPFLAGS) and TFLM's own flags.
ifndef MCUEDIT_DIR
MCUEDIT_DIR := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
MCUEDIT_PARTS := core kernels store train session federate route
MCUEDIT_SRCS := $(sort $(wildcard $(addprefix $(MCUEDIT_DIR)/,$(addsuffix /*.c,$(MCUEDIT_PARTS)))))
MCUEDIT_CPPFLAGS := -I$(MCUEDIT_DIR)/include
MCUEDIT_TFLM_SRCS := $(wildcard $(MCUEDIT_DIR)/tflm/*.cc)
MCUEDIT_TFLM_CPPFLAGS := -I$(MCUEDIT_DIR)/tflm
endif
