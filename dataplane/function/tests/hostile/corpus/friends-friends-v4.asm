# hook call
f0:
    mov %r6, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i111
    ldxw %r2, [%r1]
    jgt32 %r2, 4095, i111
    lddw %r3, variables[0]
    stxw [%r3], %r2
    mov32 %r3, %r2
    and32 %r3, 63
    mov %r4, 1
    lsh %r4, %r3
    rsh32 %r2, 6
    lsh %r2, 3
    lddw %r3, variables[16448]
    add %r3, %r2
    ldxdw %r2, [%r3]
    or %r2, %r4
    stxdw [%r3], %r2
    ldxw %r1, [%r1+4]
    jeq32 %r1, 0, i111
    mov32 %r8, 1
    mov32 %r2, 0
    ja i33
i26:
    ldxw %r1, [%r10-288]
    add32 %r1, -1
    jeq32 %r1, 0, i31
    mov32 %r8, %r6
    jlt32 %r2, %r6, i33
i31:
    add32 %r6, -1
    ja i111
i33:
    stxw [%r10-288], %r1
    mov32 %r1, %r8
    jlt32 %r8, 4096, i37
    mov32 %r1, 4096
i37:
    mov32 %r6, %r8
    jge32 %r2, %r1, i26
    mov32 %r9, %r2
    mov32 %r6, %r8
    stxw [%r10-280], %r8
    ja i51
i43:
    ldxdw %r2, [%r10-264]
    ldxw %r1, [%r10-272]
    add32 %r2, %r1
    ldxw %r8, [%r10-280]
    jge32 %r2, %r8, i26
    mov32 %r9, %r2
    jlt32 %r2, 4096, i51
    ja i26
i51:
    mov32 %r7, %r8
    sub32 %r7, %r9
    mov32 %r3, %r7
    jlt32 %r7, 16, i56
    mov32 %r3, 16
i56:
    mov32 %r2, %r9
    lsh %r2, 2
    lddw %r1, variables[0]
    add %r1, %r2
    mov %r4, %r10
    add %r4, -256
    mov %r2, 4
    stxdw [%r10-264], %r3
    mov %r5, 16
    call 2
    stxw [%r10-272], %r9
    jeq32 %r8, %r9, i43
    mov %r1, 0
    ja i101
i70:
    add %r3, 4
    jle %r3, %r2, i76
i72:
    add %r1, 1
    jge %r1, %r7, i43
    jlt %r1, 16, i101
    ja i43
i76:
    ldxw %r4, [%r3-4]
    jgt32 %r4, 4095, i70
    jgt32 %r6, 4095, i70
    mov32 %r0, %r4
    and32 %r0, 63
    mov %r5, 1
    lsh %r5, %r0
    mov32 %r8, %r4
    rsh32 %r8, 6
    lsh %r8, 3
    lddw %r0, variables[16448]
    add %r0, %r8
    ldxdw %r9, [%r0]
    mov %r8, %r9
    and %r8, %r5
    jne %r8, 0, i70
    or %r9, %r5
    stxdw [%r0], %r9
    mov32 %r5, %r6
    lsh %r5, 2
    lddw %r0, variables[0]
    add %r0, %r5
    stxw [%r0], %r4
    add32 %r6, 1
    ja i70
i101:
    mov %r2, %r1
    lsh %r2, 4
    mov %r3, %r10
    add %r3, -256
    add %r3, %r2
    ldxdw %r2, [%r3+8]
    ldxdw %r3, [%r3]
    add %r3, 4
    jgt %r3, %r2, i72
    ja i76
i111:
    mov %r0, %r6
    exit
.variables zero 16960
