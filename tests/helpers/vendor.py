"""Reports as the vendor's tools write them."""

HEAD = "| Design       : tag_v1\n| Device       : xcvu13p-flga2577-2-e\n"
UTILIZATION = f"""{HEAD}
+----------------------------+-------+-------+-----------+-------+
| Site Type                  |  Used | Fixed | Available | Util% |
+----------------------------+-------+-------+-----------+-------+
| CLB LUTs*                  | 41234 |     0 |   1728000 |  2.39 |
| CLB Registers              | 60001 |     0 |   3456000 |  1.74 |
| CARRY8                     |  3000 |     0 |    216000 |  1.39 |
| Block RAM Tile             |  10.5 |     0 |      2688 |  0.39 |
| URAM                       |     0 |     0 |      1280 |  0.00 |
| DSPs                       |   512 |     0 |     12288 |  4.17 |
"""
TIMING = f"""{HEAD}
| Design Timing Summary
| ---------------------
    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints
    -------      -------  ---------------------  -------------------
     -0.123       -4.500                     12                90000

| Clock Summary
Clock  Waveform(ns)         Period(ns)      Frequency(MHz)
-----  ------------         ----------      --------------
clk    {{0.000 1.389}}        2.778           360.010
"""
CSYNTH = """<profile>
<UserAssignments><Part>xcvu13p-flga2577-2-e</Part><TopModelName>tag_v1</TopModelName></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>2.1</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<Worst-caseLatency>90</Worst-caseLatency><Interval-max>54</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates><Resources>
<LUT>5</LUT><FF>6</FF><DSP>7</DSP><BRAM_18K>8</BRAM_18K><URAM>0</URAM>
</Resources></AreaEstimates></profile>"""
