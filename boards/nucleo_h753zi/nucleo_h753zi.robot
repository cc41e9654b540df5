# SPDX-License-Identifier: Apache-2.0
*** Settings ***
Suite Setup       Setup
Suite Teardown    Teardown
Test Setup        Reset Emulation
Test Teardown     Test Teardown
Test Timeout      ${WALL}
Resource          ${RENODEKEYWORDS}
Resource          ${CURDIR}/../server.resource

*** Variables ***
${SCRIPT}         ${CURDIR}/nucleo_h753zi.resc
${UART}           sysbus.usart3

*** Test Cases ***
Should Give The Repaired Answers
    Should Repair

Should Leave Its Neighbours Alone
    Should Keep

Should Swap Adapters
    Should Swap
