# hook call
f0:
    mov %r6, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jlt %r2, %r3, i143
    ldxw %r2, [%r1]
    jgt %r2, 4095, i143
    lddw %r3, variables[0]
    stxw [%r3], %r2
    mov %r3, %r2
    rsh %r3, 3
    and %r3, 536870904
    lddw %r4, variables[16448]
    add %r4, %r3
    and %r2, 63
    mov %r6, 1
    mov %r3, 1
    lsh %r3, %r2
    ldxdw %r2, [%r4]
    or %r2, %r3
    stxdw [%r4], %r2
    ldxw %r3, [%r1+4]
    jeq %r3, 0, i42
    mov %r7, 1
    mov %r4, 0
    mov %r6, 1
    ja i46
i28:
    ldxdw %r3, [%r10-288]
    add %r3, -1
    mov %r1, %r3
    lsh %r1, 32
    rsh %r1, 32
    jeq %r1, 0, i42
    mov %r1, %r6
    lsh %r1, 32
    rsh %r1, 32
    mov %r2, %r4
    lsh %r2, 32
    rsh %r2, 32
    mov %r7, %r6
    jlt %r2, %r1, i46
i42:
    add %r6, -1
    lsh %r6, 32
    rsh %r6, 32
    ja i143
i46:
    stxdw [%r10-288], %r3
    mov %r1, %r4
    lsh %r1, 32
    rsh %r1, 32
    mov %r2, %r7
    lsh %r2, 32
    rsh %r2, 32
    jle %r2, %r1, i28
    mov %r6, %r7
    jgt %r1, 4095, i28
    mov %r2, %r4
    mov %r6, %r7
    stxdw [%r10-280], %r7
    ja i74
i60:
    ldxdw %r4, [%r10-264]
    ldxdw %r1, [%r10-272]
    add %r4, %r1
    mov %r1, %r4
    lsh %r1, 32
    rsh %r1, 32
    ldxdw %r7, [%r10-280]
    mov %r2, %r7
    lsh %r2, 32
    rsh %r2, 32
    jle %r2, %r1, i28
    mov %r2, %r4
    jlt %r1, 4096, i74
    ja i28
i74:
    sub %r7, %r2
    mov %r1, %r7
    lsh %r1, 32
    rsh %r1, 32
    jlt %r1, 16, i80
    mov %r7, 16
i80:
    stxdw [%r10-272], %r2
    lsh %r2, 32
    rsh %r2, 32
    lsh %r2, 2
    lddw %r1, variables[0]
    add %r1, %r2
    stxdw [%r10-264], %r7
    lsh %r7, 32
    rsh %r7, 32
    mov %r4, %r10
    add %r4, -256
    mov %r2, 4
    mov %r3, %r7
    mov %r5, 16
    call 2
    jeq %r7, 0, i60
    mov %r1, 0
    ja i133
i98:
    add %r3, 4
    jge %r2, %r3, i103
i100:
    add %r1, 1
    jlt %r1, %r7, i133
    ja i60
i103:
    ldxw %r4, [%r3-4]
    jgt %r4, 4095, i98
    mov %r5, %r6
    lsh %r5, 32
    rsh %r5, 32
    jgt %r5, 4095, i98
    mov %r0, %r4
    and %r0, 63
    mov %r5, 1
    lsh %r5, %r0
    mov %r8, %r4
    rsh %r8, 3
    and %r8, 536870904
    lddw %r0, variables[16448]
    add %r0, %r8
    ldxdw %r9, [%r0]
    mov %r8, %r9
    and %r8, %r5
    jne %r8, 0, i98
    or %r9, %r5
    stxdw [%r0], %r9
    mov %r5, %r6
    lsh %r5, 32
    rsh %r5, 32
    lsh %r5, 2
    lddw %r0, variables[0]
    add %r0, %r5
    stxw [%r0], %r4
    add %r6, 1
    ja i98
i133:
    mov %r2, %r1
    lsh %r2, 4
    mov %r3, %r10
    add %r3, -256
    add %r3, %r2
    ldxdw %r2, [%r3+8]
    ldxdw %r3, [%r3]
    add %r3, 4
    jlt %r2, %r3, i100
    ja i103
i143:
    mov %r0, %r6
    exit
.variables zero 16960
